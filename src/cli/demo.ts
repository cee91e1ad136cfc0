/**
 * `isthmus demo`: two linked clusters on this machine, devices on one side, subscribers on the other, and an account of
 * what crosses. `bytes_saved_ratio` compares every byte between the clusters, both ways, with what the devices wrote.
 */
import { once } from 'node:events'
import type { LogEvent, NodeProcess } from './demo/node-process.ts'
import { openStage, RECEIVING, SENDING, type Stage } from './demo/stage.ts'
import { createTally, isClean, type Summary, type Tally } from './demo/tally.ts'
import { startDevices, startSubscribers, type Subscribers } from './demo/traffic.ts'
import { invitation, line, savedRatio, screen, type Snapshot } from './demo/view.ts'

const TOPICS = Array.from({ length: 1000 }, (_, index) => `devices/${String(index).padStart(4, '0')}/reading`)
/** Every hundredth. */
const WANTED = TOPICS.filter((_, index) => index % 100 === 42)
const PER_SECOND = 2000
const ONCE_MS = 5000
const DRAW_EVERY_MS = 1000
/** How long after the last publish a message may still be on its way. */
const DRAIN_MS = 10_000

type Say = (lines: readonly string[]) => void
type Outcome = Summary & { readonly bytes_saved_ratio: number }

/** Resolves with the exit code: 0 unless a message was lost or doubled, or the stage could not be held. */
export async function demo({ once: brief, json }: { readonly once: boolean; readonly json: boolean }): Promise<number> {
  const say: Say = (lines) => void (json || process.stdout.write(`${lines.join('\n')}\n`))
  const interruption = onInterruption()
  try {
    say(['Starting two clusters, linked both ways ...'])
    const end = (): Promise<void> => (brief ? after(ONCE_MS, interruption.asked) : interruption.asked)
    const outcome = await onStage((stage) => perform(stage, say, end, brief))
    if (json) process.stdout.write(`${JSON.stringify(outcome)}\n`)
    else say(verdict(outcome))
    return isClean(outcome) ? 0 : 1
  } catch (error) {
    process.stderr.write(`isthmus demo: ${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  } finally {
    interruption.ignore()
  }
}

async function onStage(act: (stage: Stage) => Promise<Outcome>): Promise<Outcome> {
  const stage = await openStage()
  try {
    return await act(stage)
  } finally {
    for (const code of await stage.close()) if (code !== 0) process.stderr.write(`a node ended with ${code}\n`)
  }
}

/** Lets traffic run until `end` resolves, then waits for what is on its way. */
async function perform(stage: Stage, say: Say, end: () => Promise<void>, brief: boolean): Promise<Outcome> {
  const { sending, receiving } = stage
  const tally = createTally(new Set(WANTED))
  const subscribers = await startSubscribers(receiving.mqttPort, sending.mqttPort, WANTED, tally)
  say(['', ...invitation({ sending: sending.mqttPort, receiving: receiving.mqttPort }), ''])

  const linkBytesBefore = stage.linkBytes()
  const startedMs = performance.now()
  const devices = await startDevices(sending.mqttPort, TOPICS, PER_SECOND, tally)
  const snapshot = (): Snapshot => ({
    elapsedMs: performance.now() - startedMs,
    summary: tally.summary(),
    bytesPublished: devices.bytesWritten(),
    bytesCrossed: stage.linkBytes() - linkBytesBefore,
    links: [
      { name: `${SENDING} -> ${RECEIVING}`, ...linkState(sending.linkStatus(RECEIVING)) },
      { name: `${RECEIVING} -> ${SENDING}`, ...linkState(receiving.linkStatus(SENDING)) },
    ],
  })
  const drawing = brief ? undefined : setInterval(drawer(snapshot), DRAW_EVERY_MS)
  try {
    await Promise.race([end(), failWhenGone(sending), failWhenGone(receiving)])
    clearInterval(drawing)
    await devices.quiet()
    await allArrived(tally, subscribers)
    const last = snapshot()
    return { ...last.summary, bytes_saved_ratio: savedRatio(last) }
  } finally {
    clearInterval(drawing)
    await Promise.all([devices.close(), subscribers.close()])
  }
}

/** Returns when nothing expected is missing, or when what is missing has had its time. */
function allArrived(tally: Tally, subscribers: Subscribers): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(resolve, DRAIN_MS)
    const look = (): void => {
      if (tally.summary().lost > 0) return
      clearTimeout(late)
      resolve()
    }
    subscribers.onArrival(look)
    look()
  })
}

async function failWhenGone(node: NodeProcess): Promise<never> {
  throw new Error(`${node.name} ended by itself (${await node.gone}): ${JSON.stringify(node.log.at(-1))}`)
}

function linkState(event: LogEvent | undefined): { status: string; reasons: string[] } {
  const status = event?.['status']
  const reasons = event?.['reasons']
  return {
    status: typeof status === 'string' ? status : 'unknown',
    reasons: Array.isArray(reasons) ? reasons.map(String) : [],
  }
}

/** On a terminal one block that is drawn over itself, elsewhere one line each time. */
function drawer(snapshot: () => Snapshot): () => void {
  const { stdout } = process
  if (!stdout.isTTY) return () => void stdout.write(`${line(snapshot())}\n`)
  let drawn = 0
  return () => {
    const lines = screen(snapshot())
    const up = drawn === 0 ? '' : `\u001b[${drawn}F\u001b[J`
    stdout.write(`${up}${lines.map((text) => text.slice(0, stdout.columns)).join('\n')}\n`)
    drawn = lines.length
  }
}

function verdict(outcome: Outcome): string[] {
  const { published, expected, crossed, lost, duplicated, latency_ms, bytes_saved_ratio } = outcome
  return [
    '',
    `${published} published, ${expected} subscribed on the far side, ${crossed} crossed: ${lost} lost, ${duplicated} doubled`,
    `${(bytes_saved_ratio * 100).toFixed(1)} % of the bytes saved, latency p50 ${latency_ms.p50} ms, p99 ${latency_ms.p99} ms`,
  ]
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

async function after(ms: number, orWhen: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([new Promise((resolve) => (timer = setTimeout(resolve, ms))), orWhen])
  clearTimeout(timer)
}
