/** Whether anything crosses a link and how long it takes, as each node measured it, and one account of all. */
import * as z from 'zod'
import type { Probe } from '../../link/probe/probe-view.ts'

const count = z.number().int()

export const percentiles = z.object({
  count,
  p50_ms: z.number(),
  p90_ms: z.number(),
  p99_ms: z.number(),
  max_ms: z.number(),
})

export type Percentiles = z.infer<typeof percentiles>

const ms = z.number().nullable()
const at = z.string().nullable()

export const probe = z
  .object({
    kind: z.enum(['native', 'emqx']),
    sent: count,
    answered: count,
    lost: count,
    round_trip: percentiles.nullable(),
    round_trip_last_5m: percentiles.nullable(),
    one_way: percentiles.nullable(),
    one_way_back: percentiles.nullable(),
    one_way_messages: percentiles.nullable(),
    clock_offset_ms: ms,
    last_round_trip_ms: ms,
    last_one_way_ms: ms,
    last_crossed_at: at,
    last_received_at: at,
    mute_since: at,
    mute_restarts: count,
    note: z.string().optional(),
  })
  .describe('null: nothing was measured yet')

/** Sums of what is counted; of how long things take the longest, of when they happened last the latest. */
export function mergedProbe(probes: readonly Probe[]): Probe | undefined {
  const [first, ...others] = probes
  if (first === undefined || others.length === 0) return first
  const sum = (value: (one: Probe) => number): number => probes.reduce((all, one) => all + value(one), 0)
  const note = probes.find((one) => one.note !== undefined)?.note
  return {
    // What one of them can't know is not known of all.
    kind: probes.some(({ kind }) => kind === 'emqx') ? 'emqx' : 'native',
    sent: sum(({ sent }) => sent),
    answered: sum(({ answered }) => answered),
    lost: sum(({ lost }) => lost),
    round_trip: slowest(probes.map(({ round_trip }) => round_trip)),
    round_trip_last_5m: slowest(probes.map(({ round_trip_last_5m }) => round_trip_last_5m)),
    one_way: slowest(probes.map(({ one_way }) => one_way)),
    one_way_back: slowest(probes.map(({ one_way_back }) => one_way_back)),
    one_way_messages: slowest(probes.map(({ one_way_messages }) => one_way_messages)),
    clock_offset_ms: farthest(probes.map(({ clock_offset_ms }) => clock_offset_ms)),
    last_round_trip_ms: greatest(probes.map(({ last_round_trip_ms }) => last_round_trip_ms)),
    last_one_way_ms: greatest(probes.map(({ last_one_way_ms }) => last_one_way_ms)),
    last_crossed_at: inOrder(probes.map(({ last_crossed_at }) => last_crossed_at)).at(-1) ?? null,
    last_received_at: inOrder(probes.map(({ last_received_at }) => last_received_at)).at(-1) ?? null,
    mute_since: inOrder(probes.map(({ mute_since }) => mute_since))[0] ?? null,
    mute_restarts: sum(({ mute_restarts }) => mute_restarts),
    ...(note === undefined ? {} : { note }),
  }
}

/** Percentiles of several nodes can't be told from theirs; none of them is slower than this. */
export function slowest(all: readonly (Percentiles | null)[]): Percentiles | null {
  const known = all.filter((one) => one !== null)
  if (known.length === 0) return null
  const max = (value: (one: Percentiles) => number): number => Math.max(...known.map(value))
  return {
    count: known.reduce((sum, one) => sum + one.count, 0),
    p50_ms: max(({ p50_ms }) => p50_ms),
    p90_ms: max(({ p90_ms }) => p90_ms),
    p99_ms: max(({ p99_ms }) => p99_ms),
    max_ms: max(({ max_ms }) => max_ms),
  }
}

export function greatest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : Math.max(...known)
}

function farthest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.toSorted((one, other) => Math.abs(other) - Math.abs(one))[0] ?? null
}

/** Times as ISO 8601 says them, the earliest first. */
function inOrder(times: readonly (string | null)[]): string[] {
  return times.filter((time) => time !== null).toSorted()
}
