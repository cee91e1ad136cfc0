/**
 * How many bytes cross a link when few of the topics are wanted? Counted by a relay on its TCP, both ways, from the first message until
 * all is quiet again, as a multiple of the PUBLISH packets that somebody wants, as their publisher has sent them.
 */
import { setTimeout as after } from 'node:timers/promises'
import { type Relay, startRelay } from '../../../src/cli/demo/relay.ts'
import type { Bench } from '../bench.ts'
import { type Ends, openEnds, probe, topicName } from '../load.ts'
import type { Peer } from '../peers.ts'
import { publishForm } from '../mqtt-bytes.ts'
import { WIRE, type WireCell } from './cells.ts'
import type { Contestant, Field } from './contestants.ts'
import type { Figure } from './figures.ts'
import { inTurn, seriesOf } from './rounds.ts'

type Crossed = {
  /** Times the wanted packets: both ways; of it what went against the messages. */
  readonly all: number
  readonly back: number
}

const WINDOW = 500
const phase = 1
/** Each topic gets so many messages in a second of the benchmark's time. */
const MESSAGES_PER_TOPIC_SECOND = 40
const MESSAGES_PER_TOPIC_MIN = 5
const QUIET_MS = 150
const STALL_MS = 10_000

export async function benchWire(bench: Bench, field: Field, take: (figure: Figure) => void): Promise<void> {
  for (const cell of WIRE.filter((cell) => bench.isWanted(nameOf(cell, bench)))) {
    // It is the same every time but for how messages meet in a batch.
    const rounds = await inTurn(bench, field, cell.beside, (contestant) => measureOne(bench, cell, contestant))
    const figure = { cell: nameOf(cell, bench), unit: 'bytes on the link, times the wanted PUBLISH packets' }
    take({ ...figure, series: rounds.map((one) => seriesOf(one, ({ all }) => all)), budget: { most: cell.most } })
    take({
      cell: `${figure.cell}, against the stream`,
      unit: figure.unit,
      series: rounds.map((one) => seriesOf(one, ({ back }) => back)),
    })
  }
}

function nameOf({ qos, payloadBytes, wantedCount }: WireCell, { topicCount }: Bench): string {
  return `QoS ${qos}, ${payloadBytes} B, ${wantedCount} of ${topicCount.toLocaleString('en')} topics wanted`
}

async function measureOne(
  bench: Bench,
  cell: WireCell,
  contestant: Contestant,
): Promise<{ readonly result: Crossed; readonly flaws: string }> {
  const relays = [await startRelay(), await startRelay()] as const
  try {
    const peer = await contestant.start({ qos: cell.qos, relay: relays[0], relayBack: relays[1] })
    try {
      return await count(bench, cell, peer, relays)
    } finally {
      await peer.stop()
    }
  } finally {
    await Promise.all(relays.map((relay) => relay.close()))
  }
}

async function count(
  { topicCount, durationMs }: Bench,
  { qos, payloadBytes, wantedCount }: WireCell,
  { publishPort, subscribePort }: Peer,
  relays: readonly [Relay, Relay],
): Promise<{ readonly result: Crossed; readonly flaws: string }> {
  const options = {
    publishPort,
    subscribePort,
    publishers: 1,
    subscribers: 1,
    keptSessions: false,
    qos,
    payloadBytes,
    topicCount,
    wantedCount,
    window: Math.max(WINDOW, topicCount),
  }
  const ends = await openEnds(options)
  try {
    await probe(options, ends)
    await untilQuiet(relays)
    const before = bytesOf(relays)
    const perTopic = Math.max(MESSAGES_PER_TOPIC_MIN, Math.round((durationMs / 1_000) * MESSAGES_PER_TOPIC_SECOND))
    const missing = await send(ends, topicCount, wantedCount, perTopic)
    await untilQuiet(relays)
    const after = bytesOf(relays)
    const wantedBytes = perTopic * wantedCount * publishForm(topicName(0), qos, Buffer.alloc(payloadBytes)).bytes.length
    const result = { all: (after.all - before.all) / wantedBytes, back: (after.back - before.back) / wantedBytes }
    const { duplicated } = ends.subscribers[0]!
    return { result, flaws: missing + duplicated === 0 ? '' : `${missing} lost, ${duplicated} doubled` }
  } finally {
    for (const end of [...ends.publishers, ...ends.subscribers]) end.close()
  }
}

/**
 * Each topic its message, again and again, one turn of all topics on its way at most: so that what is wanted of it meets in a batch, and
 * no more. Resolves with how many never came.
 */
function send({ publishers, subscribers }: Ends, topics: number, wanted: number, turns: number): Promise<number> {
  const [publisher, subscriber] = [publishers[0]!, subscribers[0]!]
  publisher.beginPhase(phase)
  subscriber.beginPhase(phase, 1)
  return new Promise((resolve) => {
    let sentTurns = 0
    const finish = (): void => {
      clearTimeout(stall)
      publisher.afterRead = subscriber.afterRead = () => undefined
      resolve(turns * wanted - subscriber.delivered)
    }
    const stall = setTimeout(finish, STALL_MS)
    const pump = (): void => {
      const arrived = Math.floor(subscriber.delivered / wanted)
      const acknowledged = Math.floor(publisher.acknowledged / topics)
      for (; sentTurns < turns && sentTurns === Math.min(arrived, acknowledged); sentTurns++) publisher.send(topics)
      if (subscriber.delivered === turns * wanted && publisher.acknowledged === turns * topics) finish()
    }
    publisher.afterRead = subscriber.afterRead = pump
    pump()
  })
}

/**
 * The near broker's publishers send towards its own link's relay; the other one is crossed by what the far one asks for. Ours uses
 * both; a bridge the first one alone.
 */
function bytesOf([relay, relayBack]: readonly [Relay, Relay]): { readonly all: number; readonly back: number } {
  const all = relay.bytes() + relayBack.bytes()
  return { all, back: relay.bytesBack() + relayBack.bytes() - relayBack.bytesBack() }
}

async function untilQuiet(relays: readonly [Relay, Relay]): Promise<void> {
  for (let seen = -1; seen !== bytesOf(relays).all;) {
    seen = bytesOf(relays).all
    await after(QUIET_MS)
  }
}
