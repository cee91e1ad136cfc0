/**
 * Lists of which each member has a part, as one: member after member by their names. A page asks all for their numbers, and then those
 * alone that have something on it; nobody copies its whole table, and nobody is busy with it for long at once.
 */
import * as z from 'zod'
import { ApiError } from './api-error.ts'
import type { Call, MemberCalls, NodeAnswer } from './member-calls.ts'
import { type Page, pageFrom, type PageQuery, pageStart, silentOf } from './paging.ts'

/** Of a member's part. */
export type Range = {
  readonly start: number
  /** 0 asks for the number alone. */
  readonly limit: number
}

export type Slice<Entry> = {
  /** All that the filters let through. */
  readonly count: number
  readonly entries: Entry[]
}

/** Fields of a call's parameters: `z.object({ ...rangeFields, clientid: ... })`. */
export const rangeFields = {
  start: z.number().int().min(0),
  limit: z.number().int().min(0),
}

/** Entries that are looked at in one turn of the event loop: well under a millisecond. */
const LOOKED_AT_PER_TURN = 1_000

/** @param node asks that one alone; throws `ApiError` 404 if there is none by that name */
export async function mergedPage<Filters extends object, Entry>(
  calls: MemberCalls,
  call: Call<Filters & Range, Slice<Entry>>,
  filters: Filters,
  query: PageQuery,
  node?: string,
): Promise<Page<Entry>> {
  const nodes = node === undefined ? calls.nodes.toSorted() : [knownNode(calls, node)]
  const start = pageStart(query)
  const { limit } = query
  const [first, ...others] = nodes
  if (first !== undefined && others.length === 0) {
    const answer = await calls.at(first, call, { ...filters, start, limit })
    const { count, entries } = sliceIn(answer)
    return pageFrom(entries, count, query, silentOf([answer]))
  }
  const counted = await Promise.all(nodes.map((one) => calls.at(one, call, { ...filters, start: 0, limit: 0 })))
  const parts = await Promise.all(
    partsOf(counted, start, limit).map((part) => calls.at(part.node, call, { ...filters, ...part.range })),
  )
  const count = counted.reduce((sum, answer) => sum + sliceIn(answer).count, 0)
  const entries = parts.flatMap((answer) => sliceIn(answer).entries)
  return pageFrom(entries, count, query, silentOf([...counted, ...parts]))
}

/** Throws `ApiError` 404 if no member has that name. */
export function knownNode(calls: Pick<MemberCalls, 'nodes'>, node: string): string {
  if (calls.nodes.includes(node)) return node
  throw new ApiError(404, 'NOT_FOUND', `there is no node ${node} in this cluster; there are ${calls.nodes.join(', ')}`)
}

/** What each member has of the page. */
function partsOf(
  counted: readonly NodeAnswer<Slice<unknown>>[],
  start: number,
  limit: number,
): { readonly node: string; readonly range: Range }[] {
  let before = 0
  return counted.flatMap((answer) => {
    const { count } = sliceIn(answer)
    const from = Math.max(0, start - before)
    const to = Math.min(count, start + limit - before)
    before += count
    return from < to ? [{ node: answer.node, range: { start: from, limit: to - from } }] : []
  })
}

function sliceIn<Entry>(answer: NodeAnswer<Slice<Entry>>): Slice<Entry> {
  return answer.type === 'ok' ? answer.result : { count: 0, entries: [] }
}

export type Picking<One, Entry> = {
  /** Left out, all are wanted, and `total` says how many that are. */
  readonly matches: ((one: One) => boolean) | undefined
  readonly total: number
  readonly show: (one: One) => Entry
}

/** A member's part of a page, gone through over as many turns of the event loop as it takes. `all` may change meanwhile. */
export async function sliceOf<One, Entry>(
  all: Iterable<One>,
  { start, limit }: Range,
  { matches, total, show }: Picking<One, Entry>,
): Promise<Slice<Entry>> {
  const entries: Entry[] = []
  if (matches === undefined && (limit === 0 || start >= total)) return { count: total, entries }
  let count = 0
  let left = LOOKED_AT_PER_TURN
  for (const one of all) {
    if (left-- === 0) {
      await nextTurn()
      left = LOOKED_AT_PER_TURN
    }
    if (matches !== undefined && !matches(one)) continue
    if (count >= start && entries.length < limit) entries.push(show(one))
    count++
    if (matches === undefined && entries.length === limit) return { count: total, entries }
  }
  return { count: matches === undefined ? total : count, entries }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
