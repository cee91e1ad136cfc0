/**
 * Three clusters that are linked each with each and tell each other what is retained: whatever is published and cleared where, whatever
 * is lost with nodes that die, and however far their clocks are apart, all end with the same, and nothing that was cleared comes back.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { Broker } from '../../src/broker/broker.ts'
import { RetainedPlan } from '../../src/link/retained/retained-plan.ts'
import type { Message } from '../../src/packets/message.ts'
import { MemoryStore } from '../broker/durable/memory-store.ts'
import { deliverFromPeer } from '../broker/link-batch.ts'
import { ManualClock } from '../broker/manual-clock.ts'
import { mqttDefaults } from '../broker/test-broker.ts'

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const names = ['a', 'b', 'c'] as const
const topics = ['x', 'y'] as const

/** What waits to cross a link, oldest first: live messages, and those that are told. */
type Crossing = { readonly how: 'live' | 'told'; readonly message: Message }

class Cluster {
  readonly name: string
  readonly clock: ManualClock
  broker: Broker
  /** By peer. */
  readonly outboxes = new Map<string, Crossing[]>()
  readonly plans = new Map<string, RetainedPlan>()
  #store = new MemoryStore()

  constructor(name: string, clock: ManualClock) {
    this.name = name
    this.clock = clock
    this.broker = this.#open()
  }

  #open(): Broker {
    const broker = new Broker({ mqtt: mqttDefaults, clock: this.clock, random: () => 0.5, log })
    broker.isVersioning = true
    broker.open(this.#store)
    for (const peer of names) {
      if (peer === this.name) continue
      const outbox: Crossing[] = []
      this.outboxes.set(peer, outbox)
      broker.addRoute('#', {
        id: peer,
        accept: (publish) => void outbox.push({ how: 'live', message: publish.toMessage() }),
      })
      const plan = new RetainedPlan(broker)
      plan.routeAdded('#')
      this.plans.set(peer, plan)
    }
    return broker
  }

  publish(topic: string, payload: string): void {
    const parts = { qos: 1, retain: true, properties: undefined, username: undefined, peerHost: undefined } as const
    const timestampMs = this.clock.nowMs()
    const from = `client of ${this.name}`
    this.broker.deliver({ topic, payload: Buffer.from(payload), from, timestampMs, origin: undefined, ...parts })
  }

  /** What waited in its outboxes is lost; what it retained is not. */
  async restart(): Promise<void> {
    await this.broker.journal.flush()
    this.#store = this.#store.afterCrash()
    this.broker = this.#open()
  }

  /** Goes on telling a peer, as far as so many topics. */
  tell(peer: string, count: number): void {
    const plan = this.plans.get(peer)!
    plan.begin(true)
    while (plan.look(100));
    for (let told = 0; told < count; told += 1) {
      const topic = plan.next()
      const message = topic === undefined ? undefined : this.broker.ownRetainedOf(topic)?.toMessage()
      if (message === undefined) return
      this.outboxes.get(peer)!.push({ how: 'told', message })
    }
  }

  content(): Record<string, string> {
    return Object.fromEntries([...this.broker.retained('#')].map(({ topic, payload }) => [topic, payload.toString()]))
  }
}

class Mesh {
  readonly clusters: readonly Cluster[]
  /** What was published last of each topic. Of two that have the same version any may have won, but everywhere the same. */
  readonly #last = new Map<string, { readonly version: number; readonly payloads: Set<string> }>()
  #published = 0

  constructor(skews: readonly number[]) {
    this.clusters = names.map((name, at) => {
      const clock = new ManualClock()
      clock.setWall(skews[at]!)
      return new Cluster(name, clock)
    })
  }

  publish(at: number, topic: string, clears: boolean): void {
    const payload = clears ? '' : `${this.#published++}`
    const cluster = this.clusters[at]!
    cluster.publish(topic, payload)
    const version = cluster.broker.retainedVersionOf(topic)!
    const last = this.#last.get(topic)
    if (last === undefined || version > last.version) this.#last.set(topic, { version, payloads: new Set([payload]) })
    else if (version === last.version) last.payloads.add(payload)
  }

  /** One message crosses. */
  cross(from: Cluster, to: Cluster): boolean {
    const crossing = from.outboxes.get(to.name)!.shift()
    if (crossing === undefined) return false
    const { how, message } = crossing
    deliverFromPeer(to.broker, from.name, how, [message], from.clock.nowMs())
    return true
  }

  /** Everybody is there and quiet. */
  settle(): void {
    for (const from of this.clusters)
      for (const to of this.clusters) {
        if (from === to) continue
        from.tell(to.name, Number.POSITIVE_INFINITY)
        while (this.cross(from, to));
      }
  }

  /** All have the same, which is what was said last. */
  check(): void {
    const content = this.clusters[0]!.content()
    for (const cluster of this.clusters) assert.deepEqual(cluster.content(), content, cluster.name)
    for (const topic of topics) {
      const last = this.#last.get(topic)?.payloads ?? new Set([''])
      assert.ok(
        last.has(content[topic] ?? ''),
        `${topic} is ${content[topic]}, and should be ${[...last].join(' or ')}`,
      )
    }
  }
}

const at = fc.nat(2)
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('publish' as const),
      at,
      topic: fc.constantFrom(...topics),
      clears: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant('cross' as const), at, to: at, count: fc.integer({ min: 1, max: 9 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('tell' as const), at, to: at, count: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('restart' as const), at }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.nat(3) }) },
)
const hourMs = 3_600_000
const skew = fc.oneof(fc.integer({ min: -2, max: 2 }), fc.integer({ min: -hourMs, max: hourMs }))

test('whatever three clusters publish, clear and lose, they end alike with what was said last', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }),
      fc.array(skew, { minLength: 3, maxLength: 3 }),
      async (steps, skews) => {
        const mesh = new Mesh(skews)
        const { clusters } = mesh
        for (const one of steps) {
          if (one.type === 'advance') for (const { clock } of clusters) clock.advance(one.ms)
          else if (one.type === 'publish') mesh.publish(one.at, one.topic, one.clears)
          else if (one.type === 'restart') await clusters[one.at]!.restart()
          else if (one.at !== one.to) {
            const [from, to] = [clusters[one.at]!, clusters[one.to]!]
            if (one.type === 'tell') from.tell(to.name, one.count)
            else for (let count = 0; count < one.count; count += 1) mesh.cross(from, to)
          }
        }
        mesh.settle()
        mesh.check()
        // What is told again changes nothing, and neither does a restart.
        for (const cluster of clusters) await cluster.restart()
        mesh.settle()
        mesh.check()
      },
    ),
    { numRuns: 150 },
  )
})
