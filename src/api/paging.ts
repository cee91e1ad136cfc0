/** Lists in pages, as EMQX has them: `?page=2&limit=100` -> `{ data, meta: { page, limit, count, hasnext } }`. */
import * as z from 'zod'
import type { NodeAnswer } from './member-calls.ts'

export const PAGE_LIMIT = 100
export const PAGE_LIMIT_MAX = 1_000

/** Fields of a query string: `z.object({ ...pageQuery, search: z.string().optional() })`. */
export const pageQuery = {
  page: z.coerce.number().int().min(1).max(1_000_000).default(1).describe('counts from 1'),
  limit: z.coerce.number().int().min(1).max(PAGE_LIMIT_MAX).default(PAGE_LIMIT).describe('entries on a page'),
}

export type PageQuery = { readonly page: number; readonly limit: number }

/** A node that said nothing in time, or couldn't: what it knows is missing. */
export const silentNode = z.object({ node: z.string(), reason: z.string() })

export type SilentNode = z.infer<typeof silentNode>

export type PageMeta = {
  readonly page: number
  readonly limit: number
  /** All entries that the filters let through, over all pages. */
  readonly count: number
  readonly hasnext: boolean
  readonly silent?: SilentNode[]
}

export type Page<Entry> = { readonly data: Entry[]; readonly meta: PageMeta }

export const pageMeta = z.object({
  page: z.number().int(),
  limit: z.number().int(),
  count: z.number().int().describe('all entries that the filters let through, over all pages'),
  hasnext: z.boolean(),
  silent: z.array(silentNode).optional().describe('nodes that said nothing: what they know is missing'),
})

/** The shape of an answer: `response: { 200: pageOf(client) }`. */
export function pageOf<Entry extends z.ZodType>(
  entry: Entry,
): z.ZodObject<{ data: z.ZodArray<Entry>; meta: typeof pageMeta }> {
  return z.object({ data: z.array(entry), meta: pageMeta })
}

/** Index of the first entry of a page. */
export function pageStart({ page, limit }: PageQuery): number {
  return (page - 1) * limit
}

/** A page of which the entries and the count of all are known. */
export function pageFrom<Entry>(
  data: readonly Entry[],
  count: number,
  query: PageQuery,
  silent: readonly SilentNode[] = [],
): Page<Entry> {
  const { page, limit } = query
  const hasnext = pageStart(query) + data.length < count && data.length > 0
  return {
    data: [...data],
    meta: { page, limit, count, hasnext, ...(silent.length > 0 ? { silent: [...silent] } : {}) },
  }
}

/** A page out of a whole list that is at hand anyway. */
export function paginate<Entry>(
  all: readonly Entry[],
  query: PageQuery,
  silent: readonly SilentNode[] = [],
): Page<Entry> {
  const start = pageStart(query)
  return pageFrom(all.slice(start, start + query.limit), all.length, query, silent)
}

/** Those of the asked that gave no answer. */
export function silentOf<Result>(answers: readonly NodeAnswer<Result>[]): SilentNode[] {
  return answers.flatMap((answer) => (answer.type === 'failed' ? [{ node: answer.node, reason: answer.reason }] : []))
}
