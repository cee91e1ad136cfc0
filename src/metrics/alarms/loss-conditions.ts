/** Messages that were given up since they were last looked at, as something that is wrong. */
import { type LossCounts, lostSince } from '../loss-watch.ts'
import { type Condition, linkAlarmName } from './alarm.ts'

const LINK = 'link:'
/** How long what was lost goes on to be named together, milliseconds: as long as its alarm lives on. */
const TOGETHER_MS = 30_000

type Losses = { lost: Record<string, number>; lastMs: number }

export class LossConditions {
  #known: ReadonlyMap<string, LossCounts> | undefined
  readonly #recent = new Map<string, Losses>()

  /**
   * @param counts of each place that can lose messages (`broker`, `link:NAME`), as they are now: what was lost before the first call is
   * no news
   */
  look(counts: ReadonlyMap<string, LossCounts>, steadyMs: number): Condition[] {
    const known = this.#known
    this.#known = new Map([...counts].map(([where, lost]) => [where, { ...lost }]))
    for (const [where, { lastMs }] of this.#recent) if (steadyMs - lastMs >= TOGETHER_MS) this.#recent.delete(where)
    if (known === undefined) return []
    const found: Condition[] = []
    for (const [where, now] of counts) {
      const lost = Object.entries(lostSince(known.get(where) ?? {}, now))
      if (lost.length > 0) found.push(conditionOf(where, this.#add(where, lost, steadyMs)))
    }
    return found
  }

  #add(
    where: string,
    lost: readonly (readonly [string, number])[],
    steadyMs: number,
  ): Readonly<Record<string, number>> {
    let recent = this.#recent.get(where)
    if (recent === undefined) this.#recent.set(where, (recent = { lost: {}, lastMs: steadyMs }))
    recent.lastMs = steadyMs
    for (const [reason, count] of lost) recent.lost[reason] = (recent.lost[reason] ?? 0) + count
    return recent.lost
  }
}

function conditionOf(where: string, lost: Readonly<Record<string, number>>): Condition {
  const reason = Object.entries(lost)
    .map(([word, count]) => `${count} ${word}`)
    .join(', ')
  const link = where.startsWith(LINK) ? where.slice(LINK.length) : undefined
  return {
    kind: 'messages_dropped',
    name: link === undefined ? `messages_dropped:${where}` : linkAlarmName('messages_dropped', link),
    ...(link === undefined ? {} : { link }),
    reason,
    message: `messages were given up by ${link === undefined ? `the ${where}` : `the link ${link}`}: ${reason}`,
  }
}
