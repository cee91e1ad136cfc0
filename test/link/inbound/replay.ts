/**
 * Replays the dialling half of a recorded conversation against a gate and sets what it answers beside what the real EMQX
 * answered: per connection, in order, packet by packet.
 */
import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { decodeTerm } from '../../../src/link/emqx/etf.ts'
import { termKey } from '../../../src/link/emqx/term.ts'
import type { PublishProperties } from '../../../src/packets/message.ts'
import { bytesOf } from '../emqx/wire-fixtures.ts'
import type { WireEntry } from '../emqx/wire-fixtures.ts'
import { BenchClient, publishOf } from './gate-bench.ts'
import type { GateBench } from './gate-bench.ts'

/** A packet in one line, so that two conversations are compared by their text. */
type Answer = string
export type Answers = { readonly real: readonly Answer[]; readonly ours: readonly Answer[] }

export class Replay {
  readonly #bench: GateBench
  readonly #dialler: string
  readonly #acceptor: string
  readonly #connections = new Map<number, Connection>()
  readonly #answers = new Map<string, { real: Answer[]; ours: Answer[] }>()

  constructor(bench: GateBench, dialler: string, acceptor: string) {
    this.#bench = bench
    this.#dialler = dialler
    this.#acceptor = acceptor
  }

  /** What each side said, by step and connection (`raw_init_ok 1`); connections on which nothing was said are left out. */
  async run(entries: readonly WireEntry[], atStep: (step: string) => void): Promise<ReadonlyMap<string, Answers>> {
    let seconds = entries[0]?.t ?? 0
    for (const entry of entries) {
      this.#bench.clock.pass(Math.round((entry.t - seconds) * 1000))
      seconds = entry.t
      if (entry.mqtt_packet_type === '(step)') atStep(entry.step)
      else if (entry.link === `${this.#dialler}->${this.#acceptor}`) this.#entry(entry)
      // Answers to an actor_init come after the PUBACK, in a microtask.
      await Promise.resolve()
      this.#collect(entry.step)
    }
    return this.#answers
  }

  #entry(entry: WireEntry): void {
    const { conn = 0, direction, step } = entry
    if (entry.mqtt_packet_type === 'CONNECT') {
      this.#connections.set(conn, new Connection(entry.clientid ?? '', entry.proto_ver))
    }
    const connection = this.#connections.get(conn)
    if (connection === undefined) return
    if (direction === `${this.#dialler}->${this.#acceptor}`) this.#fromDialler(connection, entry)
    else if (direction === `${this.#acceptor}->${this.#dialler}`) this.#note(step, conn, 'real', realAnswer(entry))
    else this.#ended(connection, entry)
  }

  #fromDialler(connection: Connection, entry: WireEntry): void {
    const { step, conn = 0, packet_id } = entry
    if (entry.mqtt_packet_type === 'DISCONNECT') connection.left = true
    // Our side hung up already: what the recorded one still said finds nobody.
    if (connection.client.disconnected !== undefined) return
    if (entry.mqtt_packet_type === 'SUBSCRIBE') {
      const codes = (entry.filters ?? []).map(({ filter, qos }) =>
        filter.startsWith('$LINK/') ? this.#bench.gate.subscribe(connection.client, filter, qos) : qos,
      )
      this.#note(step, conn, 'ours', `SUBACK ${packet_id} ${codes.join()}`)
    }
    if (entry.mqtt_packet_type === 'PUBLISH') {
      const code = this.#bench.gate.publish(connection.client, publishedBy(entry))
      const ack = entry.qos === 2 ? 'PUBREC' : 'PUBACK'
      if (entry.qos !== 0 && connection.client.disconnected === undefined) {
        this.#note(step, conn, 'ours', `${ack} ${packet_id} ${code}`)
      }
    }
  }

  #ended(connection: Connection, { step, conn = 0, direction }: WireEntry): void {
    if (direction === this.#dialler) connection.left = true
    // The acceptor's own end, with or without a word before it; what follows a dialler that left is only politeness.
    else if (!connection.left && !connection.realHungUp) this.#note(step, conn, 'real', 'CLOSE')
    if (connection.over) return
    connection.over = true
    this.#bench.gate.closed(connection.client)
  }

  #note(step: string, conn: number, side: 'real' | 'ours', answer: Answer | undefined): void {
    if (answer === undefined) return
    const key = `${step} ${conn}`
    const answers = this.#answers.get(key) ?? { real: [], ours: [] }
    answers[side].push(answer)
    this.#answers.set(key, answers)
    const connection = this.#connections.get(conn)
    if (connection !== undefined && side === 'real' && answer.startsWith('DISCONNECT')) connection.realHungUp = true
  }

  #collect(step: string): void {
    for (const [conn, connection] of this.#connections) {
      for (const { topic, payload, correlationData } of connection.client.sent.splice(0)) {
        this.#note(step, conn, 'ours', publishAnswer(topic, payload, correlationData))
      }
      const { disconnected, protocolVersion } = connection.client
      if (disconnected === undefined || connection.hungUp) continue
      connection.hungUp = true
      // MQTT 3.1.1 has no DISCONNECT for a server: the connection just ends.
      this.#note(step, conn, 'ours', protocolVersion === 5 ? `DISCONNECT ${disconnected.reasonCode}` : 'CLOSE')
    }
  }
}

/** Where we answer otherwise than the real EMQX did, or did not do what somebody did by hand while it was recorded. */
export type Deviation = {
  /** Step and number of the connection. */
  readonly where: string
  readonly because: string
  /** All that we say there; the terms of a PUBLISH are left out. */
  readonly ours: readonly string[]
}

/** Holds both sides to each other: equal everywhere but where a deviation says so, and there as it says. */
export function assertSameAnswers(answers: ReadonlyMap<string, Answers>, deviations: readonly Deviation[]): void {
  const deviant = [...answers].filter(([, { real, ours }]) => !isDeepStrictEqual(real, ours))
  assert.deepEqual(
    deviant.map(([where, { ours }]) => ({ where, ours: ours.map(withoutTerm) })),
    deviations.map(({ where, ours }) => ({ where, ours })),
  )
}

/** `PUBLISH <topic> <correlation data> <term>` without the last; of a route or ack message, what it asks for. */
function withoutTerm(answer: Answer): Answer {
  const [word, topic] = answer.split(' ')
  if (word !== 'PUBLISH') return answer
  return `PUBLISH ${topic} need_bootstrap ${answer.includes('i16=a4:true')}`
}

class Connection {
  readonly client: BenchClient
  /** The recorded dialler is gone. */
  left = false
  /** The recorded acceptor said DISCONNECT. */
  realHungUp = false
  /** We said DISCONNECT. */
  hungUp = false
  over = false

  constructor(clientId: string, protocolVersion: 3 | 4 | 5 = 5) {
    this.client = new BenchClient(clientId, protocolVersion)
  }
}

/** What the real acceptor's packet says; `undefined` for CONNACK, PUBCOMP and the like, which are any broker's own. */
export function realAnswer(entry: WireEntry): Answer | undefined {
  const { mqtt_packet_type: type, packet_id, reason_code, properties = {} } = entry
  switch (type) {
    case 'SUBACK':
      return `SUBACK ${packet_id} ${entry.reason_codes?.join()}`
    case 'PUBACK':
    case 'PUBREC':
      return `${type} ${packet_id} ${reason_code}`
    case 'DISCONNECT':
      return `DISCONNECT ${reason_code}`
    case 'PUBLISH':
      return publishAnswer(entry.topic ?? '', payloadOf(entry), bytesOf(properties['Correlation-Data']))
    default:
      return undefined
  }
}

export function publishAnswer(topic: string, payload: Buffer, correlationData: Buffer | undefined): Answer {
  const decoded = decodeTerm(payload)
  // Equal terms have equal keys, whatever the order of a map.
  const body = decoded.type === 'term' ? termKey(decoded.term) : decoded.reason
  return `PUBLISH ${topic} ${correlationData?.toString('hex')} ${body}`
}

function publishedBy(entry: WireEntry): ReturnType<typeof publishOf> {
  const responseTopic = bytesOf(entry.properties?.['Response-Topic'])?.toString()
  const correlationData = bytesOf(entry.properties?.['Correlation-Data'])
  const properties: PublishProperties = {
    ...(responseTopic === undefined ? {} : { responseTopic }),
    ...(correlationData === undefined ? {} : { correlationData }),
  }
  return publishOf(entry.topic ?? '', payloadOf(entry), {
    qos: entry.qos ?? 0,
    retain: entry.retain ?? false,
    properties,
  })
}

function payloadOf({ payload_hex = '' }: WireEntry): Buffer {
  return Buffer.from(payload_hex, 'hex')
}
