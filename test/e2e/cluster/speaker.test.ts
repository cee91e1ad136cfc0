import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { type Relay, startRelay } from '../../../src/cli/demo/relay.ts'
import { startNats } from '../../cluster/nats-server.ts'
import {
  Balancer,
  type Door,
  isWanted,
  type Landing,
  landings,
  leaseOf,
  linkRuns,
  slotOf,
  speakerAmong,
  startLinked,
  wantedOn,
} from './linked.ts'
import { eventually, received, type TestMember } from './members.ts'
import { publishSteadily } from './traffic.ts'

/** The issue says `lease_ttl` + 1 s, which is 4 s; a slow machine that does much else is given more. */
const FAILOVER_MS_MAX = 12_000
const HOUR_MS = 3_600_000
const settableClock = `--import=${new URL('settable-clock.js', import.meta.url).href}`

test('another node speaks for the cluster when the speaker can’t, and what is wanted stays wanted', async (t) => {
  const nats = await startNats(t)
  const toNats = await relays(t, 3)
  for (const relay of toNats) relay.pointAt(nats.port)
  const balancers: Balancer[] = []
  const behindBalancer = async (doors: readonly Door[]): Promise<string> => {
    const balancer = await Balancer.start(t, doors)
    balancers.push(balancer)
    return balancer.address
  }
  const [east, west] = await startLinked(t, nats, [
    {
      cluster: 'east',
      size: 3,
      topics: ['t/#'],
      server: behindBalancer,
      more: (index) => ({
        nats: [`nats://127.0.0.1:${toNats[index]!.port}`],
        nodeOptions: [settableClock],
      }),
    },
    {
      cluster: 'west',
      size: 2,
      topics: [],
      server: behindBalancer,
    },
  ])
  const failover = (how: How) => failsOver(t, east, west, how)
  const at = (member: TestMember): number => east.indexOf(member)

  await t.test('wall clocks set back by an hour change nothing', () => clocksAreSetBack(east, west))
  await failover({
    what: 'was killed',
    break: (speaker) => speaker.kill(),
    mend: (speaker) => speaker.restart(),
  })
  await failover({
    what: 'was stopped',
    break: async (speaker) => speaker.freeze(),
    mend: async (speaker) => speaker.thaw(),
  })
  await failover({
    what: 'was cut off from NATS',
    break: async (speaker) => sever(toNats[at(speaker)]!),
    mend: async (speaker) => toNats[at(speaker)]!.pointAt(nats.port),
  })
  await failover({
    what: 'was cut off from the peer',
    break: async (speaker) => {
      const slot = await slotOf(speaker)
      for (const balancer of balancers) balancer.sever(`east:${slot}:`)
    },
    mend: async () => {
      for (const balancer of balancers) balancer.mend()
    },
  })
})

type How = {
  readonly what: string
  readonly break: (speaker: TestMember) => Promise<void>
  readonly mend: (speaker: TestMember) => Promise<void>
}

async function failsOver(
  t: TestContext,
  east: readonly TestMember[],
  west: readonly TestMember[],
  how: How,
): Promise<void> {
  await t.test(`it ${how.what}`, async (t) => {
    const speaker = await speakerAmong(east, 'west')
    const others = east.filter((member) => member !== speaker)
    const topic = `t/${how.what.replaceAll(' ', '-')}`
    const subscribers = await Promise.all(others.map((member) => member.connect(t)))
    const arrived = subscribers.map(received)
    await Promise.all(subscribers.map((client) => client.subscribeAsync(topic, { qos: 1 })))
    await wantedOn(west, topic, 'east')
    const wanted = watchWanted(t, west, topic)
    const publishers = await publishOnAll(t, west, topic)
    const before = landings(west, 'east')

    const startMs = performance.now()
    const wallMs = Date.now()
    await how.break(speaker)
    await eventually('another one spoke to the peer', () => assert.ok(landings(west, 'east').length > before.length))
    const landing = landings(west, 'east')[before.length]!
    t.diagnostic(`a new speaker after ${landing.atMs - wallMs} ms`)
    assert.ok(performance.now() - startMs < FAILOVER_MS_MAX)
    await how.mend(speaker)

    const now = await speakerAmong(east, 'west')
    assert.notEqual(now.name, speaker.name, 'the old one does not take it back')
    await linkRuns(east, 'west')
    await believesOne(now, west)
    const published = await publishers.stop()
    for (const [index, payloads] of arrived.entries())
      await eventually(`all arrive on ${others[index]!.name}`, () => {
        const there = new Set(payloads)
        assert.deepEqual(
          published.filter((payload) => !there.has(payload)),
          [],
        )
      })
    t.diagnostic(
      `${published.length} messages; twice: ${arrived.map((all) => all.length - published.length).join(', ')}`,
    )
    assert.deepEqual(await wanted.stop(), [], 'what is wanted throughout is never absent at the peer')
  })
}

/** The peer was spoken to by one actor, whose incarnation never fell, and last by this member. */
async function believesOne(speaker: TestMember, west: readonly TestMember[]): Promise<void> {
  const told = landings(west, 'east')
  assert.equal(told.at(-1)!.clientId, `east:${await slotOf(speaker)}:route`)
  assert.deepEqual(new Set(told.map(({ actor }) => actor)), new Set(['east']))
  assert.deepEqual(
    told.map(({ incarnation }) => incarnation),
    told.map(({ incarnation }) => incarnation).toSorted((one, other) => one - other),
    JSON.stringify(told),
  )
  assert.equal(spokenLast(told).size, 1)
}

/** ClientIDs under which the newest life was told. */
function spokenLast(told: readonly Landing[]): Set<string> {
  const newest = Math.max(...told.map(({ incarnation }) => incarnation))
  return new Set(told.filter(({ incarnation }) => incarnation === newest).map(({ clientId }) => clientId))
}

async function clocksAreSetBack(east: readonly TestMember[], west: readonly TestMember[]): Promise<void> {
  const speaker = await speakerAmong(east, 'west')
  const before = await eventually('the peer hears us', () => {
    const heard = landings(west, 'east')
    assert.ok(heard.length > 0)
    return heard
  })
  for (const { process: child, file } of east) {
    const from = child.log.length
    process.kill(child.pid, 'SIGUSR2')
    child.reload(file)
    const { time } = await child.waitFor('config_reloaded', ({ msg }) => msg === 'config_reloaded', from)
    assert.ok(Date.parse(String(time)) < Date.now() - HOUR_MS / 2, `${child.name} logs ${String(time)}`)
  }
  const [follower] = east.filter((member) => member !== speaker)
  // More than it takes a lease to run out.
  await seeRenewals(follower!, 'west', 6)
  assert.equal((await speakerAmong(east, 'west')).name, speaker.name)
  assert.deepEqual(landings(west, 'east'), before, 'nobody spoke anew')
}

/** Resolves when the member saw the speaker renew its right so many times. */
async function seeRenewals(member: TestMember, link: string, count: number): Promise<void> {
  for (let seen = 0; seen < count; seen += 1) {
    let longestMs = 0
    await eventually('a renewal', async () => {
      const { renewedMsAgo } = await leaseOf(member, link)
      longestMs = Math.max(longestMs, renewedMsAgo)
      assert.ok(renewedMsAgo < longestMs)
    })
  }
}

async function relays(t: TestContext, count: number): Promise<readonly Relay[]> {
  const started = await Promise.all(Array.from({ length: count }, () => startRelay()))
  t.after(() => Promise.all(started.map((relay) => relay.close())))
  return started
}

/** Nothing passes any more, and who connects anew is not answered. */
function sever(relay: Relay): void {
  relay.hold()
  relay.cut()
}

/** Publishes on each of them until it is stopped, which resolves with all that was acknowledged. */
async function publishOnAll(t: TestContext, members: readonly TestMember[], topic: string) {
  const clients = await Promise.all(members.map((member) => member.connect(t)))
  const publishings = clients.map((client, index) => publishSteadily(client, topic, { name: `p${index}` }))
  t.after(() => Promise.all(publishings.map((publishing) => publishing.stop())))
  return {
    stop: async (): Promise<string[]> => (await Promise.all(publishings.map((publishing) => publishing.stop()))).flat(),
  }
}

/** Looks all the time whether the topic is wanted on each of them. Resolves at the end with when and where it was not. */
function watchWanted(t: TestContext, members: readonly TestMember[], topic: string) {
  const ending = new AbortController()
  t.after(() => ending.abort())
  const absences: string[] = []
  const watching = members.map(async (member) => {
    while (!ending.signal.aborted) {
      if (!(await isWanted(member, topic, 'east'))) absences.push(`${member.name} at ${new Date().toISOString()}`)
      await after(20)
    }
  })
  return {
    stop: async (): Promise<readonly string[]> => {
      ending.abort()
      await Promise.all(watching)
      return absences
    },
  }
}
