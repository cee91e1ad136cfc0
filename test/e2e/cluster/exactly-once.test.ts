/**
 * Two clusters of two nodes each, linked both ways through doors that chance gives: whoever's connection is cut comes to any node of the
 * other cluster. Each message arrives once and in order; at least once, and counted, where a receiving node dies; and what a durable
 * sending node has on its disk arrives when it is back. `SEED=n` replays the moments; `ISTHMUS_TEST_CUT_SECONDS=60`,
 * `ISTHMUS_TEST_PER_SECOND=5000` and `ISTHMUS_TEST_KILLS=10` make it as long and as hard as one likes.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { freePorts } from '../../../src/cli/demo/free-ports.ts'
import { startNats } from '../../cluster/nats-server.ts'
import { Account, type Publishing, type Reader, seeded } from '../account.ts'
import { keptClient } from '../kept-client.ts'
import { addUp, type Ledgers, ledgersOf, whenAllDelivered } from '../ledgers.ts'
import { Balancer, linkRuns, startLinked, wantedOn } from './linked.ts'
import { seesAll, type TestMember } from './members.ts'
import { longQueues } from './traffic.ts'

const SECONDS = Number(process.env['ISTHMUS_TEST_CUT_SECONDS'] ?? 4)
/** In each direction. */
const PER_SECOND = Number(process.env['ISTHMUS_TEST_PER_SECOND'] ?? 400)
const KILLS = Number(process.env['ISTHMUS_TEST_KILLS'] ?? 1)
const NAMES = ['east', 'west'] as const

type Side = { readonly members: readonly TestMember[]; readonly peer: string; readonly readers: readonly Reader[] }

class World {
  readonly account = new Account()
  readonly sides: Side[] = []
  readonly balancers: Balancer[] = []
  #publishings: Publishing[] = []
  #round = 0
  readonly #random: () => number
  readonly #t: TestContext

  constructor(t: TestContext) {
    this.#t = t
    const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
    t.diagnostic(`SEED=${seed}`)
    this.#random = seeded(seed)
  }

  /** Starts both clusters, with a kept reader on each node. */
  async start(): Promise<void> {
    const t = this.#t
    const nats = await startNats(t)
    const ports = await freePorts(4)
    const [east, west] = await startLinked(t, nats, [this.#half(0, ports.slice(0, 2)), this.#half(1, ports.slice(2))])
    for (const [at, members] of [east, west].entries()) {
      const wants = `t/${1 - at}/`
      const readers = await Promise.all(members.map((member) => this.#reader(member, wants)))
      this.sides.push({ members, peer: NAMES[1 - at]!, readers })
    }
    for (const [at, { members, peer }] of this.sides.entries()) await wantedOn(members, `t/${at}/x`, peer)
  }

  #half(at: 0 | 1, ports: readonly number[]) {
    return {
      cluster: NAMES[at],
      size: 2,
      topics: ['t/#'],
      link: { durable: true },
      more: (index: number) => ({ port: ports[index]!, more: longQueues }),
      server: async (doors: Parameters<typeof Balancer.start>[1]) => {
        const balancer = await Balancer.start(this.#t, doors, this.#random)
        this.balancers[1 - at] = balancer
        return balancer.address
      },
    }
  }

  async #reader(member: TestMember, wants: string): Promise<Reader> {
    let reader: Reader | undefined
    const client = await keptClient(this.#t, member.port, `reader-${member.name}`, (one) => {
      reader = this.account.read(one, member.name, (topic) => topic.startsWith(wants))
    })
    await client.subscribeAsync(`${wants}#`, { qos: 2 })
    assert(reader !== undefined)
    return reader
  }

  /** A publisher on each node. Resolves when something of each node has come to the other side. */
  async publish(): Promise<void> {
    this.#round += 1
    await Promise.all([this.#publish(0), this.#publish(1)])
  }

  async #publish(at: 0 | 1): Promise<void> {
    for (const [index, { port }] of this.sides[at]!.members.entries()) {
      const name = `p${at}-${index}-${this.#round}`
      const client = await keptClient(this.#t, port, name)
      const topics = [`t/${at}/${index}`, `t/${at}/common`]
      this.#publishings.push(this.account.publish(client, name, { topics, perSecond: PER_SECOND / 2 }))
    }
    // What was on its way before anything came is counted as doubtful: a node that is gone might have had it.
    const topics = this.sides[at]!.members.map((_, index) => `t/${at}/${index}`)
    const awaited = this.sides[1 - at]!.readers.flatMap((reader) =>
      topics.map((topic) => ({ ...reader, wants: (one: string) => one === topic })),
    )
    await Promise.all(awaited.map((reader) => this.account.someOf(reader)))
  }

  /** Cuts all connections that go to this side, for so long, every 0.2 to 2 s. Returns how often. */
  async cut(at: 0 | 1, ms = SECONDS * 1_000): Promise<number> {
    let cuts = 0
    for (const untilMs = performance.now() + ms; performance.now() < untilMs; cuts += 1) {
      await pause(200 + this.#random() * 1_800)
      this.balancers[at]!.cutAll()
    }
    return cuts
  }

  /** Publishes no more, and waits until all is there, in order. */
  async complete(): Promise<void> {
    await Promise.all(this.#publishings.map((publishing) => publishing.stop()))
    this.#publishings = []
    for (const { readers } of this.sides) for (const reader of readers) await this.account.complete(reader)
  }

  /** What the nodes of a side say together, once nothing waits any more. */
  async ledgers(at: 0 | 1): Promise<Ledgers> {
    const { members, peer } = this.sides[at]!
    const all = await Promise.all(
      members.map(({ file }) => whenAllDelivered(() => ledgersOf(file.debug!.socket, peer))),
    )
    const sum = addUp(all)
    this.#t.diagnostic(`${NAMES[at]}: ${JSON.stringify(sum)}`)
    return sum
  }

  pickMember(at: 0 | 1): TestMember {
    const { members } = this.sides[at]!
    return members[Math.floor(this.#random() * members.length)]!
  }

  /** Kills a node and starts it again. Resolves when its cluster sees it, and the link runs. */
  async killed(at: 0 | 1, member: TestMember): Promise<void> {
    await member.kill()
    await pause(this.#random() * 1_000)
    await member.restart()
    const { members, peer } = this.sides[at]!
    await Promise.all(
      members.map((one) =>
        seesAll(
          one,
          members.map(({ name }) => name),
        ),
      ),
    )
    await linkRuns(members, peer)
  }

  /**
   * What came twice to each reader of this side. At a node that was killed what is of QoS 1 is left out: that its session sends anew what
   * it had not heard of yet as acknowledged has nothing to do with the link.
   */
  doubled(at: 0 | 1, killed?: TestMember): string[][] {
    return this.sides[at]!.readers.map(({ name, doubles }) =>
      name === killed?.name ? doubles.filter((message) => message.split(' ')[2] === '2') : [...doubles],
    )
  }
}

test('connections that are cut come to other nodes: each message arrives once; a node is killed: none is lost', async (t) => {
  const world = new World(t)
  await world.start()
  await world.publish()
  const [toEast, toWest] = await Promise.all([world.cut(0), world.cut(1)])
  await world.complete()
  t.diagnostic(`${toEast + toWest} cuts`)
  const [east, west] = [await world.ledgers(0), await world.ledgers(1)]
  for (const { readers } of world.sides)
    for (const { name, repeats } of readers) assert.equal(repeats, 0, `${name} got messages twice`)
  assert.equal(west.in.accepted, east.out.delivered)
  assert.equal(east.in.accepted, west.out.delivered)
  assert.equal(east.in.maybe_duplicate + west.in.maybe_duplicate, 0, 'nobody has to doubt')

  for (let kill = 0; kill < KILLS; kill += 1) {
    await world.publish()
    await Promise.all([world.cut(0, 700), world.cut(1, 700)])
    const victim = world.pickMember(1)
    await world.killed(1, victim)
    await Promise.all([world.cut(0, 700), world.cut(1, 700)])
    await world.complete()
    await world.ledgers(0)
    const { maybe_duplicate: maybe } = (await world.ledgers(1)).in
    const [atEast, atWest] = [world.doubled(0), world.doubled(1, victim)]
    t.diagnostic(`${atWest.map(({ length }) => length).join(', ')} doubled of ${maybe} that may be`)
    assert.deepEqual(atEast.flat(), [], 'its sender was killed, and nothing else')
    for (const doubled of atWest) assert.ok(doubled.length <= maybe, doubled.slice(0, 10).join(', '))
  }
})
