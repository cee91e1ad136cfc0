/** `isthmus demo`: linked clusters on this machine, traffic, and an account of what became of it. */
import { once } from 'node:events'
import { showCluster } from './demo/cluster.ts'
import { showPair } from './demo/pair.ts'

export type DemoOptions = { readonly cluster: boolean; readonly once: boolean; readonly json: boolean }

/** Resolves with the exit code: 0 if what is shown held, 1 if it did not, or if the stage could not be held. */
export async function demo({ cluster, once: isBrief, json }: DemoOptions): Promise<0 | 1 | 2> {
  const say = (lines: readonly string[]): void => void (json || process.stdout.write(`${lines.join('\n')}\n`))
  const interruption = onInterruption()
  try {
    const show = { say, isBrief, asked: interruption.asked }
    const { isGood, account, verdict } = await (cluster ? showCluster(show) : showPair(show))
    if (json) process.stdout.write(`${JSON.stringify(account)}\n`)
    else say(verdict)
    return isGood ? 0 : 1
  } catch (error) {
    process.stderr.write(`isthmus demo: ${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  } finally {
    interruption.ignore()
  }
}

/** `asked` resolves at the first Ctrl-C, SIGTERM or SIGHUP; a second one ends this process, and its nodes with it. */
function onInterruption(): { readonly asked: Promise<void>; ignore(): void } {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const interruption = new AbortController()
  const onSignal = (): void => {
    if (interruption.signal.aborted) process.exit(1)
    interruption.abort()
  }
  for (const signal of signals) process.on(signal, onSignal)
  return {
    asked: once(interruption.signal, 'abort').then(() => undefined),
    ignore: () => {
      for (const signal of signals) process.off(signal, onSignal)
    },
  }
}
