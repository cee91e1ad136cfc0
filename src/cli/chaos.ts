/** `isthmus chaos`: the front of what stands in `scripts/chaos/`, which is a program of its own that uses the product as anybody may. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CommandFailure } from './command-failure.ts'
import type { ExitCode } from './command.ts'

const PROGRAM = fileURLToPath(new URL('../../scripts/chaos/run.js', import.meta.url))

export type ChaosRun = {
  readonly scenarios: readonly string[]
  readonly list: boolean
  readonly seed: number | undefined
  readonly minutes: number | undefined
  readonly results: string | undefined
  readonly record: string | undefined
}

/** Resolves with the program's exit code. What ends this process ends the program in order, once; a second signal ends it at once. */
export async function chaos(run: ChaosRun): Promise<ExitCode> {
  if (!existsSync(PROGRAM)) throw new CommandFailure(1, `${PROGRAM} is not there: this is not a whole package`)
  // In a process group of its own, so that Ctrl-C comes to it once. The channel tells it when we are gone.
  const child = spawn(process.execPath, ['--enable-source-maps', PROGRAM, JSON.stringify(run)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    detached: true,
  })
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal)
  for (const signal of signals) process.on(signal, pass)
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', resolve)
    })
    return code === 0 || code === 2 ? code : 1
  } finally {
    for (const signal of signals) process.off(signal, pass)
  }
}
