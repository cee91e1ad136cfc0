/** What each of the demo's shows is given, what it gives back, and what they have in common. */
import type { Subscribers } from './traffic.ts'

export type Show = {
  readonly say: (lines: readonly string[]) => void
  /** `--once`: it ends by itself, and draws nothing. */
  readonly isBrief: boolean
  /** Resolves when it was asked to end. */
  readonly asked: Promise<void>
}

export type Outcome = {
  readonly isGood: boolean
  /** What `--json` prints. */
  readonly account: object
  /** The same in words. */
  readonly verdict: readonly string[]
}

/** How long after the last publish a message may still be on its way. */
const DRAIN_MS = 10_000

/** Returns when nothing is missing any more, or when what is missing has had its time. */
export async function allArrived(subscribers: Subscribers, isComplete: () => boolean): Promise<void> {
  let stop: (() => void) | undefined
  const complete = new Promise<void>((resolve) => {
    const look = (): void => {
      if (isComplete()) resolve()
    }
    stop = subscribers.onArrival(look)
    look()
  })
  await after(DRAIN_MS, complete)
  stop?.()
}

/** On a terminal one block that is drawn over itself, elsewhere one line each time. */
export function drawer(screen: () => readonly string[], line: () => string): () => void {
  const { stdout } = process
  if (!stdout.isTTY) return () => void stdout.write(`${line()}\n`)
  let drawn = 0
  return () => {
    const lines = screen()
    const up = drawn === 0 ? '' : `\u001b[${drawn}F\u001b[J`
    stdout.write(`${up}${lines.map((text) => text.slice(0, stdout.columns)).join('\n')}\n`)
    drawn = lines.length
  }
}

/** Resolves after this time, or as soon as `orWhen` does. */
export async function after(ms: number, orWhen: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([new Promise((resolve) => (timer = setTimeout(resolve, ms))), orWhen])
  clearTimeout(timer)
}
