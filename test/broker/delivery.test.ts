/** Devices that publish, fall off the network and come back, and what must hold however they do it. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { Packet } from 'mqtt-packet'
import type { QoS } from '../../src/packets/message.ts'
import type { PacketOf, RawClient } from './raw-client.ts'
import { publish, subscribe, TestBroker } from './test-broker.ts'

const topics = ['t/a', 't/b', 'u/a'] as const
type Topic = (typeof topics)[number]
const filters: readonly { readonly filter: string; readonly topics: readonly Topic[] }[] = [
  { filter: '#', topics },
  { filter: 't/+', topics: ['t/a', 't/b'] },
  { filter: '+/a', topics: ['t/a', 'u/a'] },
  { filter: 'u/a', topics: ['u/a'] },
]

type Sent = { readonly from: string; readonly number: number; readonly topic: Topic; readonly qos: QoS }

/** A client with a kept session at both ends, as the specification wants one. */
class Device {
  readonly name: string
  readonly subscribed = new Map<string, QoS>()
  /** What it published in order, QoS 0 included. */
  readonly sent: Sent[] = []
  /** Payloads as they were delivered to the application. */
  readonly delivered: string[] = []
  readonly #broker: TestBroker
  readonly #version: 4 | 5
  #client: RawClient | undefined
  /** Own publishes and PUBRELs that are not answered, in order. */
  readonly #unanswered = new Map<number, Packet>()
  /** QoS 2 messages delivered and not yet released. */
  readonly #unreleased = new Set<number>()
  /** Answers that this device has not sent yet. */
  #owed: Packet[] = []
  /** Identifiers that count against Receive Maximum on this connection. */
  #inflight = new Set<number>()
  #receiveMaximum = 0
  #nextId = 1

  constructor(broker: TestBroker, name: string, version: 4 | 5) {
    this.#broker = broker
    this.name = name
    this.#version = version
  }

  get isConnected(): boolean {
    return this.#client !== undefined
  }

  async connect(receiveMaximum: number): Promise<void> {
    const isNew = this.subscribed.size === 0
    this.#receiveMaximum = this.#version === 5 ? receiveMaximum : 32
    const properties = this.#version === 5 ? { properties: { sessionExpiryInterval: 600, receiveMaximum } } : {}
    const client = await this.#broker.client(this.name, this.#version, { clean: false, ...properties })
    assert.equal(client.connack.sessionPresent, !isNew)
    this.#client = client
    for (const packet of this.#unanswered.values())
      client.send(packet.cmd === 'publish' ? { ...packet, dup: true } : packet)
  }

  async subscribe(filter: string, qos: QoS): Promise<void> {
    this.subscribed.set(filter, qos)
    assert.deepEqual(await subscribe(this.#client!, { topic: filter, qos }), [qos])
  }

  publish(topic: Topic, qos: QoS): void {
    if (this.#client === undefined || this.#unanswered.size >= 50) return
    const number = this.sent.length
    this.sent.push({ from: this.name, number, topic, qos })
    const packet = publish(topic, `${this.name}:${number}`, { qos })
    if (qos > 0) {
      packet.messageId = this.#nextId++
      this.#unanswered.set(packet.messageId, packet)
    }
    this.#client.send(packet)
  }

  /** Takes in what the broker has sent, and pays so many of the answers that it owes. Returns how many packets that were. */
  async live(answers: number): Promise<number> {
    const client = this.#client
    if (client === undefined) return 0
    let packets = 0
    client.send({ cmd: 'pingreq' })
    for (;;) {
      const { packet } = await client.receive()
      if (packet.cmd === 'pingresp') break
      packets++
      this.#take(packet, client)
    }
    for (const answer of this.#owed.splice(0, answers)) {
      packets++
      if (answer.cmd !== 'pubrec') this.#inflight.delete(answer.messageId!)
      client.send(answer)
    }
    return packets
  }

  async drop(): Promise<void> {
    await this.#client?.destroy()
    this.#client = undefined
    this.#owed = []
    this.#inflight = new Set()
  }

  /** Whether nothing is left to be said between this device and the broker. */
  get isQuiet(): boolean {
    return this.#owed.length + this.#unanswered.size + this.#unreleased.size === 0
  }

  #take(packet: Packet, client: RawClient): void {
    if (packet.cmd === 'publish') this.#deliver(packet)
    else if (packet.cmd === 'pubrel') {
      this.#unreleased.delete(packet.messageId!)
      this.#owed.push({ cmd: 'pubcomp', messageId: packet.messageId! })
    } else if (packet.cmd === 'pubrec') {
      const release = { cmd: 'pubrel', messageId: packet.messageId! } as const
      this.#unanswered.set(packet.messageId!, release)
      client.send(release)
    } else {
      assert(packet.cmd === 'puback' || packet.cmd === 'pubcomp', packet.cmd)
      this.#unanswered.delete(packet.messageId!)
    }
  }

  #deliver({ qos, payload, messageId }: PacketOf<'publish'>): void {
    if (qos > 0) {
      assert(!this.#inflight.has(messageId!), `identifier ${messageId} is in use`)
      this.#inflight.add(messageId!)
      assert(this.#inflight.size <= this.#receiveMaximum, `${this.#inflight.size} above ${this.#receiveMaximum}`)
    }
    if (qos === 1) this.#owed.push({ cmd: 'puback', messageId: messageId! })
    else if (qos === 2) {
      this.#owed.push({ cmd: 'pubrec', messageId: messageId! })
      if (this.#unreleased.has(messageId!)) return
      this.#unreleased.add(messageId!)
    }
    this.delivered.push(String(payload))
  }

  /** The QoS at which this device is to get a message; -1: not at all. */
  wants({ topic, qos }: Sent): QoS | -1 {
    const granted = filters
      .filter(({ topics }) => topics.includes(topic))
      .flatMap(({ filter }) => this.subscribed.get(filter) ?? [])
    return granted.length === 0 ? -1 : (Math.min(qos, Math.max(...granted)) as QoS)
  }
}

const who = fc.nat(2)
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      who,
      topic: fc.constantFrom(...topics),
      qos: fc.constantFrom<QoS[]>(0, 1, 2),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('live' as const), who, answers: fc.nat(6) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('drop' as const), who }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('connect' as const), who, receiveMaximum: fc.integer({ min: 1, max: 8 }) }),
  },
)
const subscriptions = fc.uniqueArray(
  fc.record({ filter: fc.constantFrom(...filters), qos: fc.constantFrom<QoS[]>(0, 1, 2) }),
  {
    minLength: 1,
    maxLength: 3,
    selector: ({ filter }) => filter,
  },
)
const setup = fc.record({ version: fc.constantFrom(4 as const, 5 as const), subscriptions })

test('QoS 1 at least once, QoS 2 exactly once, in order, within Receive Maximum, however connections break', async (t) => {
  const broker = await TestBroker.start(t)
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.tuple(setup, setup, setup), fc.array(step, { maxLength: 120 }), async (setups, steps) => {
      run++
      const devices = setups.map(({ version }, i) => new Device(broker, `${run}-${i}`, version))
      for (const [i, device] of devices.entries()) {
        await device.connect(5)
        for (const { filter, qos } of setups[i]!.subscriptions) await device.subscribe(filter.filter, qos)
      }
      for (const next of steps) {
        const device = devices[next.who]!
        if (next.do === 'publish') device.publish(next.topic, next.qos)
        else if (next.do === 'live') await device.live(next.answers)
        else if (next.do === 'drop') await device.drop()
        else if (!device.isConnected) await device.connect(next.receiveMaximum)
      }
      for (const device of devices) if (!device.isConnected) await device.connect(3)
      // At rest is a round in which nobody says anything: the last answer may be what something queued was waiting for.
      for (let rounds = 0, packets = 1; packets > 0; rounds++) {
        packets = 0
        for (const device of devices) packets += await device.live(100)
        assert(rounds < 500, 'it does not come to rest')
      }
      assert(devices.every(({ isQuiet }) => isQuiet))
      const sent = devices.flatMap((device) => device.sent)
      for (const device of devices) check(device, sent)
      for (const device of devices) {
        const session = broker.broker.sessions.get(device.name)!
        assert.deepEqual([session.window.count, session.queue.length, session.awaitingRel.size], [0, 0, 0])
        await device.drop()
        broker.broker.sessions.end(session)
      }
    }),
    { numRuns: 60 },
  )
  assert.deepEqual(
    broker.log.filter(({ level }) => level === 'error' || level === 'warn'),
    [],
  )
})

function check(device: Device, sent: readonly Sent[]): void {
  const times = new Map<string, number>()
  const first = new Map<string, number>()
  for (const [at, payload] of device.delivered.entries()) {
    times.set(payload, (times.get(payload) ?? 0) + 1)
    if (!first.has(payload)) first.set(payload, at)
  }
  const last = new Map<string, number>()
  for (const message of sent) {
    const payload = `${message.from}:${message.number}`
    const qos = device.wants(message)
    const count = times.get(payload) ?? 0
    times.delete(payload)
    const what = `${payload} to ${device.name} at QoS ${qos}`
    if (qos === -1) assert.equal(count, 0, what)
    else if (qos === 0) assert(count <= (message.qos === 1 ? 50 : 1), what)
    else if (qos === 1) assert(count >= 1, what)
    else assert.equal(count, 1, what)
    if (count === 0) continue
    // Order holds for what one publisher sent at one QoS and this device gets at one QoS.
    const lane = `${message.from} ${message.qos} ${qos}`
    assert(first.get(payload)! > (last.get(lane) ?? -1), `${what} came too early`)
    last.set(lane, first.get(payload)!)
  }
  assert.deepEqual([...times.keys()], [])
}
