/** Starts the thread of a target and watches it: a thread that hangs or dies has found something, too. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { ThreadReport, ThreadTask } from './fuzz-thread.ts'
import { Fuzzer, type Finding } from './fuzzer.ts'
import { targetNamed } from './targets.ts'

export type FuzzOptions = {
  readonly target: string
  readonly seed: number
  readonly seconds: number
  /** Only this one of the seed's inputs. */
  readonly index?: number
  /** Only this input. */
  readonly input?: Buffer
  /** Where an input that found something is written. */
  readonly directory?: string
  /** After how long without a new input one is taken to hang, milliseconds. */
  readonly hangMs?: number
}

export type FuzzReport = ThreadReport & {
  /** Number of the input that found something, and the file in which it stands now. */
  readonly found: { readonly index: number; readonly file: string } | undefined
}

/** No input takes so long but one that never ends, also on a slow machine with many at work. */
const HANG_MS = 60_000
/** More than any input may need, and far less than what a forged length asks for. */
const HEAP_MB = 512

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { target, seed, seconds, index, input, directory = join('dist', 'fuzz-findings'), hangMs = HANG_MS } = options
  const progress = new Int32Array(new SharedArrayBuffer(4))
  const task: ThreadTask = {
    target,
    seed,
    from: index ?? 0,
    to: index === undefined ? Number.POSITIVE_INFINITY : index + 1,
    forMs: seconds * 1000,
    input,
    progress,
  }
  const report = await inThread(task, hangMs)
  if (report.finding === undefined) return { ...report, found: undefined }
  const at = Atomics.load(progress, 0)
  const bytes = input ?? inputOf(new Fuzzer(targetNamed(target), seed), at)
  mkdirSync(directory, { recursive: true })
  const file = join(directory, `${target}-${seed}-${at}`)
  writeFileSync(file, bytes)
  return { ...report, found: { index: at, file } }
}

function inputOf(fuzzer: Fuzzer, index: number): Buffer {
  const kept = index < 0 ? fuzzer.corpus[index + fuzzer.corpus.length] : undefined
  return kept?.bytes ?? fuzzer.inputAt(index)
}

async function inThread(task: ThreadTask, hangMs: number): Promise<ThreadReport> {
  const worker = new Worker(new URL('fuzz-thread.js', import.meta.url), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  })
  let watch: NodeJS.Timeout | undefined
  try {
    return await new Promise<ThreadReport>((resolve) => {
      const end = (kind: Finding['kind'], words: string): void =>
        resolve({ finding: { kind, words }, inputs: 0, worst: { ms: 0, index: 0 } })
      worker.once('message', (report: ThreadReport) => resolve(report))
      worker.once('error', (error) => end('crashed', error.stack ?? error.message))
      worker.once('exit', (code) => end('crashed', `the thread ended with code ${code}`))
      watch = watchProgress(task.progress, hangMs, () => end('hung', `no end within ${hangMs} ms`))
    })
  } finally {
    clearInterval(watch)
    await worker.terminate()
  }
}

function watchProgress(progress: Int32Array, hangMs: number, hung: () => void): NodeJS.Timeout {
  let last = Number.NaN
  let sinceMs = performance.now()
  return setInterval(() => {
    const at = Atomics.load(progress, 0)
    if (at !== last) sinceMs = performance.now()
    else if (performance.now() - sinceMs > hangMs) hung()
    last = at
  }, 100)
}
