/**
 * How long is a message on its way, and what does it cost, when so many are due a second whether or not the last ones have come? Whoever
 * stalls pays for each message that it kept waiting: a message's time counts from when it was due.
 */
import { threadsCpuUs } from '../cpu.ts'
import { type Ends, type LoadOptions, openEnds, probe } from '../load.ts'
import { startPacer } from './pacer.ts'

export type OpenLoopOptions = Omit<LoadOptions, 'publishers' | 'subscribers' | 'window' | 'keptSessions'> & {
  readonly perSecond: number
}

export type OpenLoopResult = {
  readonly count: number
  readonly lost: number
  readonly duplicated: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of all processes together. */
  readonly cpuUsPerMessage: number
}

/** Before anything is measured, so that code is compiled and buffers have their size: as many a second, for the warm-up's time. */
const WARM_PER_SECOND = 20_000
const phases = { warmup: 1, measured: 2 } as const
/** Sent in one go at most. */
const WINDOW = 500
const STEP_US_MIN = 250
/** What a thread takes to begin. */
const LEAD_MS = 50
/** Without progress for so long, what is missing is lost. */
const STALL_MS = 5_000

export async function runOpenLoop(options: OpenLoopOptions): Promise<OpenLoopResult> {
  const shape = { ...options, publishers: 1, subscribers: 1, window: WINDOW, keptSessions: false }
  const ends = await openEnds(shape)
  try {
    await probe(shape, ends)
    return await run(options, ends)
  } finally {
    for (const end of [...ends.publishers, ...ends.subscribers]) end.close()
  }
}

async function run(options: OpenLoopOptions, ends: Ends): Promise<OpenLoopResult> {
  const { perSecond, warmupMs, durationMs, pids } = options
  const cpuUs = (): number => pids.reduce((sum, pid) => sum + threadsCpuUs(pid), 0)
  await drive(ends, phases.warmup, WARM_PER_SECOND, warmupMs)
  const cpuBeforeUs = cpuUs()
  const { count, tookMs } = await drive(ends, phases.measured, perSecond, durationMs)
  const cpuUsPerMessage = (cpuUs() - cpuBeforeUs) / count
  const sorted = tookMs.toSorted((a, b) => a - b)
  const quantile = (share: number): number => sorted[Math.floor(share * sorted.length)] ?? Number.NaN
  const { delivered, duplicated } = ends.subscribers[0]!
  return { count, lost: count - delivered, duplicated, p50Ms: quantile(0.5), p99Ms: quantile(0.99), cpuUsPerMessage }
}

/** Resolves when all has come that was sent, or nothing comes any more. */
async function drive(
  { publishers, subscribers }: Ends,
  phase: number,
  perSecond: number,
  durationMs: number,
): Promise<{ readonly count: number; readonly tookMs: readonly number[] }> {
  const [publisher, subscriber] = [publishers[0]!, subscribers[0]!]
  const count = Math.max(1, Math.floor((durationMs / 1_000) * perSecond))
  const tookMs: number[] = []
  publisher.beginPhase(phase)
  subscriber.beginPhase(phase, 1)
  const startedMs = performance.now() + LEAD_MS
  await new Promise<void>((resolve) => {
    const pacer = startPacer(startedMs, Math.max(STEP_US_MIN, 1_000_000 / perSecond), () => {
      // The first one is due at once.
      const due = Math.min(count, 1 + Math.floor(((performance.now() - startedMs) / 1_000) * perSecond))
      while (publisher.sent < due) publisher.send(Math.min(WINDOW, due - publisher.sent))
    })
    const finish = (): void => {
      clearInterval(stall)
      subscriber.onMessage = undefined
      subscriber.afterRead = publisher.afterRead = () => undefined
      void pacer.stop().then(resolve)
    }
    let seen = -1
    const stall = setInterval(() => {
      const now = publisher.sent + subscriber.delivered
      if (now === seen) finish()
      seen = now
    }, STALL_MS)
    subscriber.onMessage = (of, sequence) => {
      if (of === phase) tookMs.push(performance.now() - (startedMs + (sequence / perSecond) * 1_000))
    }
    subscriber.afterRead = publisher.afterRead = () => {
      if (subscriber.delivered === count && publisher.acknowledged === count) finish()
    }
  })
  return { count, tookMs }
}
