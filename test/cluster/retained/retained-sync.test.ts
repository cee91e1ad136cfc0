import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { Requests } from '../../../src/cluster/requests.ts'
import type { RetainedVersion } from '../../../src/cluster/retained/retained-index.ts'
import { type RetainedMessages, RetainedSync } from '../../../src/cluster/retained/retained-sync.ts'
import { encodeMessage, Publication } from '../../../src/packets/publication.ts'
import { ManualClock } from '../../broker/manual-clock.ts'
import { SimulatedNetwork } from '../sim/simulated-coordination.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** The broker's side as far as it matters here: a version is when the message was published. */
class Store implements RetainedMessages {
  readonly entries = new Map<string, { readonly version: number; readonly publication: Publication | undefined }>()
  /** Of what was cleared. */
  readonly origins = new Map<string, string>()
  readonly #listeners = new Set<() => void>()

  put(topic: string, version: number, payload: string): void {
    this.applyRetained(payload === '' ? { topic, version } : publicationOf(topic, version, payload))
  }

  *retainedVersions(): Iterable<RetainedVersion> {
    for (const [topic, { version, publication }] of this.entries)
      yield { topic, version, isDeleted: publication === undefined }
  }

  retainedVersionOf(topic: string): number | undefined {
    return this.entries.get(topic)?.version
  }

  retainedOriginOf(topic: string): string | undefined {
    return this.origins.get(topic)
  }

  retainedMessage(topic: string): Publication | undefined {
    return this.entries.get(topic)?.publication
  }

  applyRetained(
    change: Publication | { readonly topic: string; readonly version: number; readonly origin?: string | undefined },
  ): boolean {
    const isMessage = change instanceof Publication
    const version = isMessage ? change.receivedAtMs : change.version
    if (version <= (this.retainedVersionOf(change.topic) ?? -1)) return false
    if (!isMessage && change.origin !== undefined) this.origins.set(change.topic, change.origin)
    this.entries.set(change.topic, { version, publication: isMessage ? change : undefined })
    for (const listener of this.#listeners) listener()
    return true
  }

  onRetainedChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  contents(): readonly string[] {
    return [...this.entries]
      .map(
        ([topic, { version, publication }]) =>
          `${topic} ${version} ${publication?.toMessage().payload.toString() ?? 'cleared'}`,
      )
      .toSorted()
  }
}

function publicationOf(topic: string, timestampMs: number, payload: string): Publication {
  const from = { from: 'client', username: 'user', peerHost: '10.0.0.1', origin: 'far' }
  const bytes = encodeMessage({
    ...from,
    topic,
    payload: Buffer.from(payload),
    qos: 1,
    retain: true,
    properties: { userProperties: [['a', 'b']] },
    timestampMs,
  })
  const publisher = { clientId: 'client', username: 'user', peerHost: '10.0.0.1' }
  return Publication.read(topic, bytes, publisher, timestampMs, 'far')
}

class Nodes {
  readonly clock = new ManualClock()
  readonly network = new SimulatedNetwork(this.clock)
  readonly names: string[] = []

  add(name: string) {
    this.names.push(name)
    const store = new Store()
    const coordination = this.network.join(name, 'boot')
    const requests = new Requests({ coordination, clock: this.clock, log: silent })
    const sync = new RetainedSync({
      retained: store,
      requests,
      clock: this.clock,
      random: () => 0.5,
      log: silent,
      others: () => this.names.filter((other) => other !== name),
    })
    return { store, sync, coordination }
  }

  async settle<T>(promise: Promise<T>): Promise<T> {
    const running = new Set([promise])
    void promise.finally(() => running.clear())
    while (running.size > 0) {
      this.clock.advance(1)
      await turn()
    }
    return promise
  }
}

test('a node that joins with nothing has all retained messages afterwards, as they were', async () => {
  const nodes = new Nodes()
  const [old, fresh] = [nodes.add('n1'), nodes.add('n2')]
  for (let i = 0; i < 3_000; i++) old.store.put(`t/${i}`, 1_000 + i, `payload ${i}`)
  old.store.put('gone', 5_000, '')
  assert.equal(await nodes.settle(fresh.sync.syncWith('n1')), true)
  assert.deepEqual(fresh.store.contents(), old.store.contents())
  const there = fresh.store.retainedMessage('t/7')?.toMessage()
  assert.deepEqual(there, publicationOf('t/7', 1_007, 'payload 7').toMessage())
})

test('equal nodes send each other no topics', async () => {
  const nodes = new Nodes()
  const [one, other] = [nodes.add('n1'), nodes.add('n2')]
  for (const { store } of [one, other]) for (let i = 0; i < 100; i++) store.put(`t/${i}`, i, 'x')
  let bytes = 0
  const send = one.coordination.send.bind(one.coordination)
  one.coordination.send = (node, channel, payload) => {
    bytes += payload.length
    send(node, channel, payload)
  }
  await nodes.settle(other.sync.syncWith('n1'))
  assert.ok(bytes < 100, `${bytes} bytes`)
})

test('whatever two nodes have, both end with the later of each topic', async () => {
  const change = fc.record({
    topic: fc.nat({ max: 30 }).map((n) => `t/${n}`),
    version: fc.nat({ max: 1_000 }),
    isCleared: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 60 }), fc.array(change, { maxLength: 60 }), async (here, there) => {
      const nodes = new Nodes()
      const [one, other] = [nodes.add('n1'), nodes.add('n2')]
      // Versions of different changes differ, as a publish that comes later always has a higher one.
      for (const { topic, version, isCleared } of here)
        one.store.put(topic, version * 2, isCleared ? '' : `here ${version}`)
      for (const { topic, version, isCleared } of there)
        other.store.put(topic, version * 2 + 1, isCleared ? '' : `there ${version}`)
      await nodes.settle(one.sync.syncWith('n2'))
      await nodes.settle(other.sync.syncWith('n1'))
      assert.deepEqual(one.store.contents(), other.store.contents())
    }),
    { numRuns: 50 },
  )
})

test('messages too large for one answer come in several', async () => {
  const nodes = new Nodes()
  const [old, fresh] = [nodes.add('n1'), nodes.add('n2')]
  for (let i = 0; i < 5; i++) old.store.put(`t/${i}`, i, 'x'.repeat(300_000))
  await nodes.settle(fresh.sync.syncWith('n1'))
  assert.deepEqual(fresh.store.contents(), old.store.contents())
})

test('a node that does not answer is told of, and tried again later', async () => {
  const nodes = new Nodes()
  const [old, fresh] = [nodes.add('n1'), nodes.add('n2')]
  old.store.put('t', 1, 'x')
  old.coordination.cut()
  assert.equal(await nodes.settle(fresh.sync.syncWith('n1')), false)
  old.coordination.heal()
  for (let waitedMs = 0; waitedMs < 120_000 && fresh.store.entries.size === 0; waitedMs += 1_000) {
    nodes.clock.advance(1_000)
    for (let i = 0; i < 10; i++) await turn()
  }
  assert.deepEqual(fresh.store.contents(), old.store.contents())
})

test('what another node answers is not trusted', async () => {
  const nodes = new Nodes()
  const fresh = nodes.add('n2')
  const coordination = nodes.network.join('n1', 'boot')
  const requests = new Requests({ coordination, clock: nodes.clock, log: silent })
  requests.serve('retained.differences', async () => Buffer.alloc(12 * 4_096, 1))
  requests.serve('retained.versions', async () => [
    ['a/#', 'good', 7],
    [1, 2, 3],
    [false, false, false],
  ])
  requests.serve('retained.messages', async () => [
    9,
    [['no packet'], [Buffer.from('xx'), true, 'c', 1, 1, 5], 'noise'],
  ])
  await nodes.settle(fresh.sync.syncWith('n1'))
  assert.deepEqual(fresh.store.contents(), [])
})
