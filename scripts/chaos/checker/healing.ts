/** How long each fault was felt: from its end until every pair had got something published after it. Pure. */
import { isGood, type Pair } from './pair.ts'
import type { Fault, Healing } from './verdict.ts'

/** What one pair got, for quick answers about any time. */
type Flow = {
  readonly words: string
  /** When the messages were published that had to come or came, in order. */
  readonly publishedMs: readonly number[]
  /** Of these and all after them, the first arrival. */
  readonly firstArrivalMs: readonly number[]
  /** In order. */
  readonly arrivalMs: readonly number[]
  readonly wantsUntilMs: number
}

export type Gap = { readonly pair: string; readonly fromMs: number; readonly toMs: number }

export function healingsOf(pairs: readonly Pair[], faults: readonly Fault[]): Healing[] {
  const flows = pairs.filter(({ firsts }) => firsts.length > 0).map(flowOf)
  return faults.map((fault) => healingOf(fault, faults, flows))
}

/** The longest pause between two messages of a pair. */
export function largestGapOf(pairs: readonly Pair[]): Gap | undefined {
  const gaps = pairs.map(flowOf).map((flow) => gapWithin(flow, -Infinity, Infinity))
  return gaps.reduce((worst, gap) => (lengthOf(gap) > lengthOf(worst) ? gap : worst), undefined)
}

const lengthOf = (gap: Gap | undefined): number => (gap === undefined ? 0 : gap.toMs - gap.fromMs)

function flowOf({ publisher, subscriber, firsts }: Pair): Flow {
  const arrived = new Map(firsts.filter(({ isRetained }) => !isRetained).map(({ sequence, atMs }) => [sequence, atMs]))
  const messages = publisher.messages.filter((it) => arrived.has(it.sequence) || isGood(it, publisher.qos))
  const firstArrivalMs = messages.map(() => Infinity)
  let firstMs = Infinity
  for (let at = messages.length - 1; at >= 0; at -= 1) {
    firstMs = Math.min(firstMs, arrived.get(messages[at]!.sequence) ?? Infinity)
    firstArrivalMs[at] = firstMs
  }
  const lastSpan = subscriber.spans.at(-1)
  return {
    words: `${publisher.name} to ${subscriber.name}`,
    publishedMs: messages.map(({ atMs }) => atMs),
    firstArrivalMs,
    arrivalMs: [...arrived.values()].toSorted((one, other) => one - other),
    wantsUntilMs: lastSpan === undefined ? -Infinity : (lastSpan.toMs ?? Infinity),
  }
}

function healingOf(fault: Fault, faults: readonly Fault[], flows: readonly Flow[]): Healing {
  const { name, kind, fromMs, toMs } = fault
  let healMs = 0
  let last: string | undefined
  let pairs = 0
  for (const flow of flows) {
    const at = firstAbove(flow.publishedMs, toMs)
    // Whoever has stopped publishing, or wanting, tells nothing of what comes after it.
    if (at === flow.publishedMs.length || flow.publishedMs[at]! >= flow.wantsUntilMs) continue
    pairs += 1
    const tookMs = flow.firstArrivalMs[at]! - toMs
    if (tookMs <= healMs && last !== undefined) continue
    healMs = tookMs
    last = flow.words
  }
  const healedMs = toMs + healMs
  const gapMs = Math.max(0, ...flows.map((flow) => lengthOf(gapWithin(flow, fromMs, healedMs))))
  const isOverlapped = faults.some((other) => other !== fault && other.toMs > toMs && other.fromMs < healedMs)
  const told = { fault: name, kind, pairs, gapMs, isOverlapped, ...(last === undefined ? {} : { last }) }
  return healMs === Infinity ? told : { ...told, healMs }
}

/** The longest pause of which a part is within. */
function gapWithin({ words, arrivalMs }: Flow, fromMs: number, toMs: number): Gap | undefined {
  let worst: Gap | undefined
  for (let at = Math.max(1, firstAbove(arrivalMs, fromMs)); at < arrivalMs.length; at += 1) {
    const gap = { pair: words, fromMs: arrivalMs[at - 1]!, toMs: arrivalMs[at]! }
    if (gap.fromMs >= toMs) break
    if (lengthOf(gap) > lengthOf(worst)) worst = gap
  }
  return worst
}

/** Index of the first value above this one, of those in order. */
function firstAbove(values: readonly number[], limit: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (values[middle]! > limit) high = middle
    else low = middle + 1
  }
  return low
}
