/** One target in a thread of its own, so that neither an endless loop nor a full heap takes along who watches it. */
import { parentPort, workerData } from 'node:worker_threads'
import { Fuzzer, type Finding } from './fuzzer.ts'
import { watchBuffers } from './meter.ts'
import { targetNamed } from './targets.ts'

export type ThreadTask = {
  readonly target: string
  readonly seed: number
  /** Number of the first input. */
  readonly from: number
  /** Number after the last input. */
  readonly to: number
  /** Milliseconds. */
  readonly forMs: number
  /** Only this input, instead of those of the seed. */
  readonly input: Uint8Array | undefined
  /** [0]: number of the input at work, counted up from -(files of the corpus) to the inputs of the seed. */
  readonly progress: Int32Array
}

export type ThreadReport = {
  readonly finding: Finding | undefined
  readonly inputs: number
  /** Longest turn of the event loop, milliseconds, and the input that took it. */
  readonly worst: { readonly ms: number; readonly index: number }
}

watchBuffers()
const task = workerData as ThreadTask
parentPort?.postMessage(await work(task), [])

async function work({ target, seed, from, to, forMs, input, progress }: ThreadTask): Promise<ThreadReport> {
  const fuzzer = new Fuzzer(targetNamed(target), seed)
  const untilMs = performance.now() + forMs
  let worst = { ms: 0, index: from }
  let inputs = 0
  const judge = async (index: number, bytes: Buffer): Promise<Finding | undefined> => {
    Atomics.store(progress, 0, index)
    const finding = await fuzzer.judge(bytes)
    inputs++
    if (fuzzer.worstMs > worst.ms) worst = { ms: fuzzer.worstMs, index }
    return finding
  }
  if (input !== undefined) return { finding: await judge(0, Buffer.from(input)), inputs, worst }
  for (const [at, { bytes }] of fuzzer.corpus.entries()) {
    const finding = await judge(at - fuzzer.corpus.length, bytes)
    if (finding !== undefined) return { finding, inputs, worst }
  }
  for (let index = from; index < to && performance.now() < untilMs; index++) {
    const finding = await judge(index, fuzzer.inputAt(index))
    if (finding !== undefined) return { finding, inputs, worst }
    // Promises alone would never let a report of trouble elsewhere through.
    if (index % 64 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  return { finding: undefined, inputs, worst }
}
