import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Packet } from 'mqtt-packet'
import { Counters, Gauge } from '../../src/broker/counters.ts'
import type { RawClient } from './raw-client.ts'
import { publish, TestBroker } from './test-broker.ts'

test('a gauge remembers the most that there ever was', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -5, max: 5 })), (changes) => {
      const gauge = new Gauge()
      let value = 0
      let max = 0
      for (const change of changes) {
        gauge.add(change)
        value += change
        max = Math.max(max, value)
      }
      assert.deepEqual({ value: gauge.value, max: gauge.max }, { value, max })
    }),
  )
})

/** A client that counts what goes over its socket. */
class CountingClient {
  readonly sent = { packets: 0, bytes: 0 }
  readonly received = { packets: 0, bytes: 0 }
  readonly #client: RawClient

  constructor(client: RawClient) {
    this.#client = client
  }

  send(...packets: readonly Packet[]): void {
    for (const packet of packets) {
      this.sent.packets++
      this.sent.bytes += this.#client.encode(packet).length
    }
    this.#client.send(...packets)
  }

  async next(): Promise<Packet> {
    const { packet, bytes } = await this.#client.receive()
    this.received.packets++
    this.received.bytes += bytes.length
    return packet
  }

  /** Reads on, and acknowledges, until the answer to a PING. */
  async settle(): Promise<void> {
    this.send({ cmd: 'pingreq' })
    for (;;) {
      const packet = await this.next()
      if (packet.cmd === 'pingresp') return
      if (packet.cmd === 'publish' && packet.qos === 1) this.send({ cmd: 'puback', messageId: packet.messageId! })
      if (packet.cmd === 'publish' && packet.qos === 2) this.send({ cmd: 'pubrec', messageId: packet.messageId! })
      if (packet.cmd === 'pubrec') this.send({ cmd: 'pubrel', messageId: packet.messageId! })
      if (packet.cmd === 'pubrel') this.send({ cmd: 'pubcomp', messageId: packet.messageId! })
    }
  }
}

test('every packet and byte on the wire is counted once, on both ways, whatever it is', async (t) => {
  const broker = await TestBroker.start(t)
  const { counters } = broker.broker
  const clients: CountingClient[] = []
  for (const version of [3, 4, 5] as const) {
    const client = new CountingClient(await broker.open(version))
    clients.push(client)
    client.send({
      cmd: 'connect',
      protocolVersion: version,
      protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
      clientId: `v${version}`,
      clean: true,
      keepalive: 0,
    })
    await client.next()
    client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 't/#', qos: 2 }] })
    await client.settle()
  }
  for (const [index, client] of clients.entries()) {
    for (const qos of [0, 1, 2] as const)
      client.send(publish(`t/${index}`, 'x'.repeat(qos * 300), { qos, ...(qos > 0 ? { messageId: 50 + qos } : {}) }))
    // Several times, because what one client does makes the others send.
    for (let round = 0; round < 4; round++) for (const each of clients) await each.settle()
  }
  clients[0]!.send({ cmd: 'unsubscribe', messageId: 9, unsubscriptions: ['t/#'] })
  for (const each of clients) await each.settle()
  const sum = (way: 'sent' | 'received', what: 'packets' | 'bytes') =>
    clients.reduce((total, client) => total + client[way][what], 0)
  assert.deepEqual(
    {
      packetsReceived: counters.allPacketsReceived,
      bytesReceived: counters.bytesReceived,
      packetsSent: counters.allPacketsSent,
      bytesSent: counters.bytesSent,
    },
    {
      packetsReceived: sum('sent', 'packets'),
      bytesReceived: sum('sent', 'bytes'),
      packetsSent: sum('received', 'packets'),
      bytesSent: sum('received', 'bytes'),
    },
  )
  assert.deepEqual([...counters.publishesReceived], [3, 3, 3])
  assert.deepEqual([...counters.publishesSent], [9, 9, 9])
  assert.equal(counters.payloadBytesReceived, 3 * 900)
  assert.equal(counters.payloadBytesSent, 9 * 900)
})

test('every delivery stands in one place: sent, still queued, or lost for one reason', async (t) => {
  const broker = await TestBroker.start(t, { max_mqueue_len: 3, mqueue_store_qos0: false })
  const { counters, sessions } = broker.broker
  const properties = { sessionExpiryInterval: 3600 }
  await (await broker.subscriber('away', ['#'], 5, { clean: false, properties })).destroy()
  const small = await broker.subscriber('small', ['#'], 5, { properties: { maximumPacketSize: 100 } })
  const publisher = await broker.client('publisher')
  await broker.connections(2)
  for (let i = 0; i < 10; i++) {
    publisher.send(publish('t', 'x'.repeat(i % 2 === 0 ? 10 : 200), { qos: 1, messageId: 1 }))
    await publisher.next('puback')
    publisher.send(publish('t', 'y'))
  }
  await publisher.nothingMore()
  await small.publishes(15)
  const queued = [...sessions.all()].reduce((total, { queue }) => total + queue.length, 0)
  assert.equal(counters.published, 20)
  assert.deepEqual(counters.losses(), {
    ...new Counters().losses(),
    queue_full: 7,
    too_large: 5,
    not_connected: 10,
  })
  // Two subscribers.
  assert.equal(counters.sent + queued + counters.lost, 2 * counters.published)
})
