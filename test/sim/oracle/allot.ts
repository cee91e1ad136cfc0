/**
 * Holds what is missing against what is accounted for: each account excuses so many messages, and only those that it can have lost.
 * Counters don't name messages, so that it is asked whether there is any way in which they explain all that is missing.
 */

export type Excuse<T> = {
  readonly words: string
  readonly atMost: number
  readonly covers: (item: T) => boolean
}

export type Allotted<T> = {
  /** Items that no account can explain beside the others. */
  readonly unexcused: readonly T[]
  /** How many each excuse took. */
  readonly taken: ReadonlyMap<Excuse<T>, number>
}

type Group<T> = { readonly covering: readonly number[]; readonly items: T[]; readonly from: number[] }

/** A maximum flow from groups of like items to excuses. */
export function allot<T>(items: readonly T[], excuses: readonly Excuse<T>[]): Allotted<T> {
  const groups = groupsOf(items, excuses)
  const left = excuses.map(({ atMost }) => atMost)
  const unexcused: T[] = []
  for (const group of groups) {
    let wanted = group.items.length
    while (wanted > 0) {
      const path = pathFrom(group, groups, left)
      if (path === undefined) break
      const amount = Math.min(wanted, path.capacity)
      for (const { group: from, excuse, sign } of path.steps)
        from.from[excuse] = (from.from[excuse] ?? 0) + sign * amount
      left[path.end] = (left[path.end] ?? 0) - amount
      wanted -= amount
    }
    // One by one: a storm has more than a call may have arguments.
    if (wanted > 0) for (const item of group.items.slice(-wanted)) unexcused.push(item)
  }
  const taken = new Map(excuses.map((excuse, at) => [excuse, excuse.atMost - (left[at] ?? 0)] as const))
  return { unexcused, taken }
}

function groupsOf<T>(items: readonly T[], excuses: readonly Excuse<T>[]): Group<T>[] {
  const groups = new Map<string, Group<T>>()
  for (const item of items) {
    const covering = excuses.flatMap(({ covers, atMost }, at) => (atMost > 0 && covers(item) ? [at] : []))
    const key = covering.join()
    let group = groups.get(key)
    if (group === undefined) groups.set(key, (group = { covering, items: [], from: [] }))
    group.items.push(item)
  }
  // Who has the fewest excuses is served first: where nothing is left for all, the message tells of the clearest case.
  return [...groups.values()].toSorted((one, other) => one.covering.length - other.covering.length)
}

type Step<T> = { readonly group: Group<T>; readonly excuse: number; readonly sign: 1 | -1 }

/** From the group to an excuse with room, over groups that can turn to another excuse. */
function pathFrom<T>(
  start: Group<T>,
  groups: readonly Group<T>[],
  left: readonly number[],
): { readonly steps: readonly Step<T>[]; readonly end: number; readonly capacity: number } | undefined {
  const seen = new Set<number>()
  const open: { group: Group<T>; steps: readonly Step<T>[]; capacity: number }[] = [
    { group: start, steps: [], capacity: Infinity },
  ]
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const { group, steps, capacity } = next
    for (const excuse of group.covering) {
      if (seen.has(excuse)) continue
      seen.add(excuse)
      const here: Step<T>[] = [...steps, { group, excuse, sign: 1 }]
      const room = left[excuse] ?? 0
      if (room > 0) return { steps: here, end: excuse, capacity: Math.min(capacity, room) }
      for (const other of groups) {
        const held = other.from[excuse] ?? 0
        if (held === 0 || other === group) continue
        open.push({
          group: other,
          steps: [...here, { group: other, excuse, sign: -1 }],
          capacity: Math.min(capacity, held),
        })
      }
    }
  }
  return undefined
}
