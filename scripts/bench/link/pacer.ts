/**
 * A clock with steps below the millisecond that timers have: a thread that sleeps, wakes and says so. A loop that spins would take a
 * processor from those who are measured.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

export type Pacer = { stop(): Promise<void> }

/** Calls `tick` every so many microseconds, late when this thread is busy. */
export function startPacer(everyUs: number, tick: () => void): Pacer {
  const cell = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(new URL(import.meta.url), { workerData: { cell, everyUs } })
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

function run({ cell, everyUs }: { readonly cell: Int32Array; readonly everyUs: number }): void {
  const everyMs = everyUs / 1_000
  for (let nextMs = performance.now() + everyMs; Atomics.load(cell, 0) === 0; nextMs += everyMs) {
    const leftMs = nextMs - performance.now()
    if (leftMs > 0) Atomics.wait(cell, 0, 0, leftMs)
    parentPort?.postMessage(0, [])
  }
}

if (!isMainThread) run(workerData)
