/**
 * Loaded into a node before its own code (`--import`): writes what the process needs to its standard output, as a line of its log
 * named `soak_sample`. `?everyMs=N` in its address says how often. The collector has to be at hand (`--expose-gc`): what is garbage
 * is no leak.
 */
import { syncBuiltinESMExports } from 'node:module'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import timers from 'node:timers'
import { isMainThread } from 'node:worker_threads'
import type { ProcessSample } from './judge.ts'

/** The loop's own pace, which is no delay. */
const RESOLUTION_MS = 20
/** What the collector found is told a little later. */
const TOLD_AFTER_MS = 50

// A worker inherits the options of its process.
if (isMainThread) start(Number(new URL(import.meta.url).searchParams.get('everyMs')))

function start(everyMs: number): void {
  const collect = globalThis.gc
  if (!(everyMs > 0) || collect === undefined) throw new Error('the probe needs ?everyMs=N and --expose-gc')
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  let cpu = process.cpuUsage()
  let atMs = performance.now()
  const measure = (): Omit<ProcessSample, 'timers'> => {
    const used = process.cpuUsage(cpu)
    const nowMs = performance.now()
    const late = { p50: delayOf(50), p99: delayOf(99) }
    collect()
    const { heapUsed, external, rss } = process.memoryUsage()
    return {
      atMs: nowMs,
      heapMiB: mebibytes(heapUsed),
      externalMiB: mebibytes(external),
      rssMiB: mebibytes(rss),
      resources: byKind(process.getActiveResourcesInfo()),
      delayMs: late,
      cpuPercent: rounded((used.user + used.system) / 10 / (nowMs - atMs)),
    }
  }
  const countTimers = timersCounted()
  setInterval(() => {
    const sample = measure()
    setTimeout(() => {
      process.stdout.write(`${JSON.stringify({ msg: 'soak_sample', ...sample, timers: countTimers() })}\n`)
      // What the probe itself took counts for nothing: neither as delay nor as processor time.
      delay.reset()
      cpu = process.cpuUsage()
      atMs = performance.now()
    }, TOLD_AFTER_MS).unref()
  }, everyMs).unref()

  function delayOf(percentile: number): number {
    return delay.count === 0 ? 0 : rounded(Math.max(0, delay.percentile(percentile) / 1e6 - RESOLUTION_MS))
  }
}

/**
 * From now on all timers are counted until they are collected, those as well that do not keep the process alive: no list of active
 * resources has them. Returns how many there are.
 */
function timersCounted(): () => number {
  let count = 0
  const registry = new FinalizationRegistry<undefined>(() => count--)
  const apply = <A extends unknown[]>(make: (...args: A) => object, self: unknown, args: A): object => {
    const timer = make.apply(self, args)
    registry.register(timer, undefined)
    count++
    return timer
  }
  globalThis.setTimeout = timers.setTimeout = new Proxy(setTimeout, { apply })
  globalThis.setInterval = timers.setInterval = new Proxy(setInterval, { apply })
  syncBuiltinESMExports()
  return () => count
}

function byKind(kinds: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

function mebibytes(bytes: number): number {
  return rounded(bytes / 2 ** 20)
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}
