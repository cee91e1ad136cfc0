/**
 * Loaded into a node before its own code (`--import`): writes what the process needs to its standard output, as a line of its log
 * named `soak_sample`. `?everyMs=N` in its address says how often. The collector has to be at hand (`--expose-gc`): what is garbage
 * is no leak.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { queryObjects } from 'node:v8'
import { isMainThread } from 'node:worker_threads'
import type { ProcessSample } from './judge.ts'

/** The loop's own pace, which is no delay. */
const RESOLUTION_MS = 20
/** To walk over all objects takes longer than to collect. */
const TIMERS_EVERY = 2

// A worker inherits the options of its process.
if (isMainThread) start(Number(new URL(import.meta.url).searchParams.get('everyMs')))

function start(everyMs: number): void {
  const collect = globalThis.gc
  if (!(everyMs > 0) || collect === undefined) throw new Error('the probe needs ?everyMs=N and --expose-gc')
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  let cpu = process.cpuUsage()
  let atMs = performance.now()
  let count = 0
  // After it was stopped (SIGSTOP) a process is late once: it says so, and what follows is measured anew.
  setInterval(() => {
    const used = process.cpuUsage(cpu)
    const nowMs = performance.now()
    const delayMs = { p50: delayOf(50), p99: delayOf(99) }
    const elapsedMs = nowMs - atMs
    collect()
    const { heapUsed, external, rss } = process.memoryUsage()
    const sample: ProcessSample = {
      atMs: nowMs,
      heapMiB: mebibytes(heapUsed),
      externalMiB: mebibytes(external),
      rssMiB: mebibytes(rss),
      resources: byKind(process.getActiveResourcesInfo()),
      ...(count++ % TIMERS_EVERY === 0 ? { timers: timers() } : {}),
      delayMs,
      cpuPercent: rounded((used.user + used.system) / 10 / elapsedMs),
    }
    process.stdout.write(`${JSON.stringify({ msg: 'soak_sample', ...sample })}\n`)
    // What the probe itself took counts for nothing: neither as delay nor as processor time.
    setImmediate(() => {
      delay.reset()
      cpu = process.cpuUsage()
      atMs = performance.now()
    })
  }, everyMs).unref()

  function delayOf(percentile: number): number {
    return delay.count === 0 ? 0 : rounded(Math.max(0, delay.percentile(percentile) / 1e6 - RESOLUTION_MS))
  }
}

/** Those as well that do not keep the process alive, which no list of active resources has. */
function timers(): number {
  const probe = setTimeout(() => undefined)
  clearTimeout(probe)
  return queryObjects(probe.constructor, { format: 'count' })
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
