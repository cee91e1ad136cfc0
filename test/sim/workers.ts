/** Runs simulations in processes of their own, and passes on what these tell. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Report } from './report.ts'

export type Task =
  | { readonly type: 'seeds'; readonly from: number; readonly to: number; readonly step: number }
  | { readonly type: 'found'; readonly files: readonly string[] }

export type WorkersPlan = {
  /** For each a process. */
  readonly tasks: readonly Task[]
  /** Whether what fails is made as small as can be. */
  readonly shrinks: boolean
  /** Milliseconds since 1970: what is not done by then is left. */
  readonly untilMs: number
  readonly told: (report: Report) => void
  /** Of another build than the one that this is of. */
  readonly worker?: string
  /** Ends all workers when it is aborted. */
  readonly signal?: AbortSignal
}

/** Nearly all that a simulation makes is garbage soon, and is collected more cheaply where there is more room for what is young. */
const FLAGS = ['--enable-source-maps', '--max-semi-space-size=32']
const WORKER = fileURLToPath(new URL('worker.js', import.meta.url))

/** Seeds for so many processes, both ends included. */
export function spreadSeeds(from: number, to: number, jobs: number): Task[] {
  const step = Math.min(jobs, to - from + 1)
  return Array.from({ length: step }, (_, job) => ({ type: 'seeds', from: from + job, to, step }))
}

/** Rejects if a worker ends before its seeds are done. */
export async function runWorkers(plan: WorkersPlan): Promise<void> {
  await Promise.all(plan.tasks.map((task) => runWorker(plan, task)))
}

function runWorker({ shrinks, untilMs, told, worker = WORKER, signal }: WorkersPlan, task: Task): Promise<void> {
  return new Promise((resolve, reject) => {
    const words = [task.type, ...(task.type === 'found' ? task.files : [task.from, task.to, task.step].map(String))]
    const child = spawn(process.execPath, [...FLAGS, worker, ...words, ...(shrinks ? ['shrink'] : [])], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let isOver = false
    const end = (): void => {
      isOver = true
      child.kill('SIGKILL')
    }
    const late = Number.isFinite(untilMs) ? setTimeout(end, Math.max(0, untilMs - Date.now())) : undefined
    signal?.addEventListener('abort', end, { once: true })
    const errors: Buffer[] = []
    child.stderr.on('data', (chunk: Buffer) => void errors.push(chunk))
    let last = 'none'
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (isOver) return
      const report = JSON.parse(line) as Report
      if (report.type === 'summary') last = String(report.summary.seed)
      told(report)
    })
    child.on('error', reject)
    child.on('close', (code, killedBy) => {
      clearTimeout(late)
      if (isOver || code === 0) resolve()
      else
        reject(
          new Error(
            `the simulator ended after seed ${last} (${code ?? killedBy}):\n${Buffer.concat(errors).toString()}`,
          ),
        )
    })
  })
}
