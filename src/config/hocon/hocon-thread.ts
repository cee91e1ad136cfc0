/**
 * `@pushcorn/hocon-parser` on a thread of its own. It takes a quarter of a second for 60 kB and for ever for a few substitutions that
 * repeat each other; on the thread of the broker everybody would wait for a configuration that is read again.
 */
import { Worker } from 'node:worker_threads'

/** What the thread is asked: a text that the scanner found well formed, and what its substitutions see besides it. */
export type HoconTask = { readonly text: string; readonly env: Readonly<Record<string, string | undefined>> }

export type HoconAnswer =
  | { readonly type: 'ok'; readonly value: unknown }
  /** In the words of the parser. */
  | { readonly type: 'failed'; readonly said: string }
  /** Its values are too many, or take too much time or memory to find. */
  | { readonly type: 'too_large' }

const DEADLINE_MS = 10_000
const HEAP_MB = 128

let idle: Worker | undefined

/** Never rejects. Texts that come while one is being read get a thread of their own. */
export async function readOnThread(task: HoconTask): Promise<HoconAnswer> {
  const worker = idle ?? start()
  idle = undefined
  worker.ref()
  const answer = await ask(worker, task)
  if (answer === undefined) {
    void worker.terminate()
    return { type: 'too_large' }
  }
  worker.unref()
  if (idle === undefined) idle = worker
  else void worker.terminate()
  return answer
}

/** `undefined` if it did not come in time, or the thread died of it. */
function ask(worker: Worker, task: HoconTask): Promise<HoconAnswer | undefined> {
  return new Promise((resolve) => {
    const settle = (answer: HoconAnswer | undefined): void => {
      clearTimeout(late)
      worker.off('message', settle).off('exit', fail)
      resolve(answer)
    }
    const fail = (): void => settle(undefined)
    const late = setTimeout(fail, DEADLINE_MS)
    worker.on('message', settle).on('exit', fail)
    worker.postMessage(task, [])
  })
}

function start(): Worker {
  const worker = new Worker(new URL('./hocon-worker.js', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  })
  // It ends then, which is what counts.
  worker.on('error', () => undefined)
  return worker
}
