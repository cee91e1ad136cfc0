/** `--watch`: the same again each second, until Ctrl-C. On a terminal it stays in its place. */
import { setTimeout as delay } from 'node:timers/promises'
import { CommandFailure } from './command-failure.ts'
import type { Terminal } from './terminal.ts'

const INTERVAL_MS = 1_000
/** To the upper left corner, with nothing left on the screen. */
const CLEAR = '\u001b[H\u001b[2J'

/**
 * Shows once, or until it is ended. A node that is away for a while is waited for; one that was never there is not.
 * @param show asks, and writes to the terminal that it is given
 */
export async function showOrWatch(
  isWatch: boolean,
  terminal: Terminal,
  show: (terminal: Terminal) => Promise<unknown>,
): Promise<0> {
  await draw(isWatch, terminal, show)
  if (!isWatch) return 0
  const over = new AbortController()
  const end = (): void => over.abort()
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.once(signal, end)
  // Nobody reads any more.
  process.stdout.once('error', end)
  try {
    while (!over.signal.aborted) {
      await delay(INTERVAL_MS, undefined, { signal: over.signal }).catch(end)
      if (!over.signal.aborted) await redraw(terminal, show)
    }
  } finally {
    for (const signal of signals) process.off(signal, end)
    process.stdout.off('error', end)
  }
  return 0
}

async function redraw(terminal: Terminal, show: (terminal: Terminal) => Promise<unknown>): Promise<void> {
  try {
    await draw(true, terminal, show)
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    terminal.complaints.write(`${terminal.out.isTTY === true ? CLEAR : ''}isthmus: ${error.message}\n`)
  }
}

/** All at once: what is drawn line by line flickers. */
async function draw(
  isWatch: boolean,
  terminal: Terminal,
  show: (terminal: Terminal) => Promise<unknown>,
): Promise<void> {
  const { out, complaints, input, env } = terminal
  if (!isWatch || out.isTTY !== true) return void (await show(terminal))
  let drawn = ''
  const write = (text: string): void => void (drawn += text)
  const { columns } = out
  const screen = { isTTY: true, write, ...(columns === undefined ? {} : { columns }) }
  await show({ out: screen, complaints: { ...screen, isTTY: complaints.isTTY === true }, input, env })
  out.write(`${CLEAR}${drawn}`)
}
