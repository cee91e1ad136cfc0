/** The thread that `BcryptThread` starts: one task after the other. */
import { parentPort } from 'node:worker_threads'
import bcrypt from 'bcryptjs'
import type { BcryptAnswer, BcryptTask } from './bcrypt-thread.ts'

parentPort?.on('message', (task: BcryptTask) => parentPort?.postMessage(answer(task), []))

function answer(task: BcryptTask): BcryptAnswer {
  try {
    const { id, password } = task
    return {
      id,
      value: task.type === 'hash' ? bcrypt.hashSync(password, task.rounds) : bcrypt.compareSync(password, task.hash),
    }
  } catch (error) {
    // A thrown value need not be an Error, and only text is sure to cross between threads.
    return { id: task.id, error: String(error) }
  }
}
