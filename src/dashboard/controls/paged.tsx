/** A list that the node cuts in pages: one of them, and the way to the others. */
import type { ComponentChildren } from 'preact'
import { count } from '../format/number.ts'
import type { Resource } from '../live/use-resource.ts'
import { Reading } from './empty.tsx'

export type PageMeta = {
  readonly page: number
  readonly limit: number
  readonly count: number
  readonly hasnext: boolean
  readonly silent?: readonly SilentNode[]
}
export type SilentNode = { readonly node: string; readonly reason: string }
export type Page<Item> = { readonly data: readonly Item[]; readonly meta: PageMeta }

export type PagedProps<Item> = {
  readonly read: Resource<Page<Item>>
  readonly onPage: (page: number) => void
  /** The rows of a page. */
  readonly children: (rows: readonly Item[]) => ComponentChildren
}

/** A page as it was read; until then, that it is. */
export function Paged<Item>({ read: { value, fault, reload }, onPage, children }: PagedProps<Item>) {
  if (value === undefined) return <Reading fault={fault} onRetry={reload} />
  return (
    <>
      <Silent nodes={value.meta.silent} />
      {children(value.data)}
      <Pager meta={value.meta} onPage={onPage} />
    </>
  )
}

/** What the node is asked for a page: what is empty is left out. */
export function pageQuery(page: number, limit: number, wanted: Readonly<Record<string, string>>): string {
  const asked = Object.entries(wanted).filter(([, value]) => value !== '')
  return new URLSearchParams([...asked, ['page', String(page)], ['limit', String(limit)]]).toString()
}

export function Pager({ meta, onPage }: { readonly meta: PageMeta; readonly onPage: (page: number) => void }) {
  const first = meta.count === 0 ? 0 : (meta.page - 1) * meta.limit + 1
  const last = Math.min(meta.count, meta.page * meta.limit)
  return (
    <nav class="pager" aria-label="Pages">
      <span class="muted" aria-live="polite">
        {count(first)}–{count(last)} of {count(meta.count)}
      </span>
      <button class="button" type="button" disabled={meta.page <= 1} onClick={() => onPage(meta.page - 1)}>
        Previous
      </button>
      <button class="button" type="button" disabled={!meta.hasnext} onClick={() => onPage(meta.page + 1)}>
        Next
      </button>
    </nav>
  )
}

/** Who did not answer, so that nobody takes a part for the whole. */
export function Silent({ nodes }: { readonly nodes: readonly SilentNode[] | undefined }) {
  if (nodes === undefined || nodes.length === 0) return null
  return (
    <p class="remark warn" role="status">
      Not in this list: {nodes.map(({ node, reason }) => `${node} (${reason})`).join(', ')}
    </p>
  )
}
