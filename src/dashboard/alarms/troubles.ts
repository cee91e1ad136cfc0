/** Alarms by what they are about: three nodes that miss one peer are one trouble. Pure. */
import type { Alarm } from '../api/alarm.ts'
import { words } from '../format/number.ts'

export type Trouble = {
  readonly about: string
  readonly link: string | undefined
  /** In words, each once. */
  readonly kinds: readonly string[]
  /** Of the latest of them. */
  readonly reason: string
  /** Since when the oldest of them is there. */
  readonly at: string
}

/** @param alarms the latest first */
export function troublesOf(alarms: readonly Alarm[]): readonly Trouble[] {
  const groups = new Map<string, Alarm[]>()
  for (const alarm of alarms) {
    const about = alarm.link ?? `${words(alarm.kind)} ${alarm.node}`
    const group = groups.get(about)
    if (group === undefined) groups.set(about, [alarm])
    else group.push(alarm)
  }
  return [...groups].map(([about, group]) => ({
    about: group[0]?.link ?? group[0]?.node ?? about,
    link: group[0]?.link,
    kinds: [...new Set(group.map(({ kind }) => words(kind)))],
    reason: group[0]?.reason ?? '',
    at: group.map(({ activated_at: at }) => at).toSorted()[0] ?? '',
  }))
}
