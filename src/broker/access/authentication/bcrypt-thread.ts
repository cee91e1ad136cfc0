/**
 * bcrypt on a thread of its own. It is pure JavaScript, and even asynchronous it holds its thread for 100 ms at a time: on
 * the thread of the broker everybody would wait for one login. The thread starts with the first hash.
 */
import { Worker } from 'node:worker_threads'

/** What the thread is asked. */
export type BcryptTask = { readonly id: number } & (
  | { readonly type: 'hash'; readonly password: string; readonly rounds: number }
  | { readonly type: 'compare'; readonly password: string; readonly hash: string }
)

/** What it answers; `error` is a sentence. */
export type BcryptAnswer = { readonly id: number } & ({ readonly value: string | boolean } | { readonly error: string })

type Pending = { readonly resolve: (value: string | boolean) => void; readonly reject: (error: Error) => void }

export class BcryptThread {
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | undefined
  #lastId = 0

  /** Rejects if the thread dies. */
  async hash(password: string, rounds: number): Promise<string> {
    return String(await this.#ask({ id: ++this.#lastId, type: 'hash', password, rounds }))
  }

  /** Whether the hash is of this password; false for what is no hash of bcrypt. */
  async compare(password: string, hash: string): Promise<boolean> {
    return (await this.#ask({ id: ++this.#lastId, type: 'compare', password, hash })) === true
  }

  /** What is under way is rejected. */
  stop(): void {
    const worker = this.#worker
    this.#worker = undefined
    this.#fail(new Error('the thread for bcrypt was stopped'))
    void worker?.terminate()
  }

  #ask(task: BcryptTask): Promise<string | boolean> {
    const worker = (this.#worker ??= this.#start())
    return new Promise((resolve, reject) => {
      this.#pending.set(task.id, { resolve, reject })
      worker.postMessage(task, [])
    })
  }

  #start(): Worker {
    const worker = new Worker(new URL('./bcrypt-worker.js', import.meta.url), { stdout: false, stderr: false })
    worker.unref()
    worker.on('message', (answer: BcryptAnswer) => this.#settle(answer))
    const died = (error: Error): void => {
      if (this.#worker !== worker) return
      this.#worker = undefined
      this.#fail(error)
    }
    worker.on('error', died)
    worker.on('exit', (code) => died(new Error(`the thread for bcrypt ended with code ${code}`)))
    return worker
  }

  #settle(answer: BcryptAnswer): void {
    const pending = this.#pending.get(answer.id)
    this.#pending.delete(answer.id)
    if ('error' in answer) pending?.reject(new Error(answer.error))
    else pending?.resolve(answer.value)
  }

  #fail(error: Error): void {
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const { reject } of pending) reject(error)
  }
}
