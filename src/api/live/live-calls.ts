/** What each node is asked for those who watch, on whichever node they do. */
import * as z from 'zod'
import type { Call, MemberCalls } from '../member-calls.ts'
import type { LinkChanges, LinksSince } from './link-changes.ts'
import type { Tail, TailSince } from './tail.ts'

export type LiveFacts = {
  readonly changes: LinkChanges
  /** What this node logged lately, and which of its actors went where. */
  readonly tails: Readonly<Record<'log' | 'actors', Tail<object>>>
}

export const linksCall: Call<{ life: number; version: number }, LinksSince> = {
  name: 'live.links',
  params: z.object({ life: z.number(), version: z.number() }),
}
export const tailCall: Call<{ tail: 'log' | 'actors'; life: number; after: number }, TailSince<object>> = {
  name: 'live.tail',
  params: z.object({ tail: z.enum(['log', 'actors']), life: z.number(), after: z.number() }),
}

export function serveLive(calls: MemberCalls, { changes, tails }: LiveFacts): void {
  calls.serve(linksCall, ({ life, version }) => changes.since(life, version))
  calls.serve(tailCall, ({ tail, life, after }) => tails[tail].since(life, after))
}
