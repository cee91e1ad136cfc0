/**
 * A clock with steps below the millisecond that timers have: a thread that sleeps, wakes and says so. A loop that spins would take a
 * processor from those who are measured.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

export type Pacer = { stop(): Promise<void> }

/**
 * Calls `tick` at `startMs` and every so many microseconds after it, late when this thread is busy.
 * @param startMs by this thread's `performance`
 */
export function startPacer(startMs: number, everyUs: number, tick: () => void): Pacer {
  const cell = new Int32Array(new SharedArrayBuffer(4))
  // Each thread counts from its own beginning; what all have in common is the machine's clock.
  const startsAtMs = machineMs() + startMs - performance.now()
  const worker = new Worker(new URL(import.meta.url), { workerData: { cell, startsAtMs, everyUs } })
  worker.on('message', tick)
  return {
    stop: async () => {
      worker.off('message', tick)
      Atomics.store(cell, 0, 1)
      Atomics.notify(cell, 0)
      await worker.terminate()
    },
  }
}

type Pace = { readonly cell: Int32Array; readonly startsAtMs: number; readonly everyUs: number }

function run({ cell, startsAtMs, everyUs }: Pace): void {
  for (let nextMs = startsAtMs; Atomics.load(cell, 0) === 0; nextMs += everyUs / 1_000) {
    const leftMs = nextMs - machineMs()
    if (leftMs > 0) Atomics.wait(cell, 0, 0, leftMs)
    parentPort?.postMessage(0, [])
  }
}

/** Monotonic; the same in all threads. */
function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

if (!isMainThread) run(workerData)
