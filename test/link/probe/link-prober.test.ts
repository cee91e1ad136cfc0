import assert from 'node:assert/strict'
import test from 'node:test'
import { LinkProber, type ProbeCarrier, type ProbeFact, type ProbeWay } from '../../../src/link/probe/link-prober.ts'
import { decodeProbeFrame } from '../../../src/link/probe/probe-frame.ts'
import { defaultProbeTerms } from '../../../src/link/probe/silence.ts'
import { ManualClock } from '../manual-clock.ts'

/** A link whose peer does what the test says. */
class FakeCarrier implements ProbeCarrier {
  probeWay: ProbeWay | undefined = { type: 'frame' }
  oldestFlightMs: number | undefined
  readonly probes: { readonly frame: () => Buffer; readonly acknowledged: () => void }[] = []
  readonly pings: ((isAnswered: boolean) => void)[] = []
  connections = 1

  sendProbe(frame: () => Buffer, acknowledged: () => void): void {
    this.probes.push({ frame, acknowledged })
  }

  ping(ended: (isAnswered: boolean) => void): number {
    for (let index = 0; index < this.connections; index += 1) this.pings.push(ended)
    return this.connections
  }
}

/** @param aheadMs by how much the peer's clock is */
function start({ way = { type: 'frame' }, aheadMs = 0 }: { way?: ProbeWay; aheadMs?: number } = {}) {
  const clock = new ManualClock()
  const carrier = new FakeCarrier()
  carrier.probeWay = way
  const facts: ProbeFact[] = []
  const restarts: number[] = []
  const prober = new LinkProber({
    clock,
    terms: defaultProbeTerms,
    phase: 0,
    firstId: 1_000,
    carrier: () => carrier,
    changed: (fact) => void facts.push(fact),
    restart: () => void restarts.push(clock.steadyMs() - beganMs),
  })
  const beganMs = clock.steadyMs()
  const connect = () => {
    prober.connected('b1')
    clock.advance(0)
  }
  /** The newest probe goes, takes so long to the peer and so long back; its acknowledgement comes before the answer. */
  const cross = (thereMs = 10, backMs = 10) => {
    const frame = decodeProbeFrame(carrier.probes.at(-1)!.frame())
    assert.ok(frame)
    clock.advance(thereMs)
    const atMs = clock.nowMs() + aheadMs
    clock.advance(backMs)
    carrier.probes.at(-1)!.acknowledged()
    prober.answered({ type: 'probe_answer', id: frame.id, receivedAtMs: atMs, sentAtMs: atMs }, 'peers_link')
  }
  const mute = () => facts.at(-1)?.state === 'mute'
  return { clock, carrier, facts, restarts, prober, connect, cross, mute }
}

test('a probe every five seconds tells the round trip, the way there, and how far the clocks are apart', () => {
  const { clock, carrier, prober, connect, cross, facts } = start({ aheadMs: 3_000 })
  connect()
  cross(10, 10)
  clock.advance(4_980)
  cross(30, 10)
  const { round_trip, last_round_trip_ms, last_one_way_ms, clock_offset_ms, sent, answered, lost, last_crossed_at } =
    prober.view()
  assert.deepEqual({ sent, answered, lost }, { sent: 2, answered: 2, lost: 0 })
  assert.equal(round_trip?.count, 2)
  assert.deepEqual([last_round_trip_ms, last_one_way_ms, clock_offset_ms], [40, 30, 3_000])
  assert.equal(last_crossed_at, new Date(clock.nowMs()).toISOString())
  assert.equal(carrier.probes.length, 2)
  assert.deepEqual(facts, [])
})

test('at most one is on its way, and one that waits behind much is late', () => {
  const { clock, carrier, prober, connect, cross, mute } = start()
  connect()
  for (let second = 0; second < 20; second += 1) {
    clock.advance(1_000)
    // Batches cross all the while.
    prober.crossed(900, clock.steadyMs())
  }
  assert.equal(carrier.probes.length, 1)
  assert.equal(mute(), false)
  cross(10, 10)
  assert.equal(prober.view().last_round_trip_ms, 20_020)
  assert.equal(prober.view().last_one_way_ms, 20_010)
})

test('three intervals without an answer are mute; six, and connections are opened anew; a sign of life ends it', () => {
  const { clock, prober, connect, cross, facts, restarts, mute } = start()
  connect()
  clock.advance(14_999)
  assert.equal(mute(), false)
  clock.advance(1)
  assert.equal(mute(), true)
  assert.deepEqual(
    facts.map((fact) => ('direction' in fact ? fact.direction : fact.state)),
    ['out'],
  )
  assert.match('reason' in facts[0]! ? facts[0].reason : '', /the probe is unanswered .* since 2026-11-21T/)
  assert.deepEqual(restarts, [])
  clock.advance(15_000)
  assert.deepEqual(restarts, [30_000])
  assert.equal(prober.view().mute_restarts, 1)
  prober.disconnected()
  assert.equal(mute(), true)
  connect()
  assert.equal(mute(), true)
  cross()
  assert.equal(mute(), false)
  assert.equal(prober.view().mute_since, null)
  assert.equal(facts.length, 2)
})

test('a peer that never answers is not hammered', () => {
  const { clock, prober, restarts } = start()
  prober.connected('b1')
  for (let second = 0; second < 700; second += 1) {
    clock.advance(1_000)
    if (restarts.length === 0 || second % 5 !== 0) continue
    // Each time it lets us connect, and says nothing more.
    prober.disconnected()
    prober.connected('b1')
  }
  assert.deepEqual(
    restarts.map((ms) => Math.round(ms / 10_000)),
    [3, 9, 21, 45],
  )
})

test('an outage is not silence', () => {
  const { clock, prober, connect, cross, facts } = start()
  connect()
  clock.advance(4_000)
  prober.disconnected()
  clock.advance(3_600_000)
  connect()
  cross()
  assert.deepEqual(facts, [])
  assert.deepEqual([prober.view().sent, prober.view().answered, prober.view().lost], [2, 1, 1])
})

test('acknowledgements that stay away are told from a way back that is dead', () => {
  const lost = start()
  lost.connect()
  for (let probe = 0; probe < 4; probe += 1) {
    const frame = decodeProbeFrame(lost.carrier.probes.at(-1)!.frame())
    assert.ok(frame)
    lost.prober.answered({ type: 'probe_answer', id: frame.id, receivedAtMs: 0, sentAtMs: 0 }, 'peers_link')
    lost.clock.advance(5_000)
  }
  assert.deepEqual(
    lost.facts.map((fact) => 'direction' in fact && fact.direction),
    ['acknowledgements'],
  )
  const dead = start()
  dead.connect()
  dead.carrier.probes[0]!.frame()
  dead.carrier.probes[0]!.acknowledged()
  dead.clock.advance(59_000)
  assert.deepEqual(
    dead.facts.map((fact) => 'direction' in fact && fact.direction),
    ['back'],
  )
  assert.deepEqual(dead.restarts, [])
})

test('messages of the peer show that its way to us lives, also while the answer is late', () => {
  const { clock, carrier, prober, connect, facts } = start()
  connect()
  carrier.probes[0]!.acknowledged()
  for (let second = 0; second < 40; second += 1) {
    clock.advance(1_000)
    prober.received('b1', clock.nowMs())
  }
  assert.deepEqual(facts, [])
})

test('messages that fly and are not acknowledged are silence, though pings are answered', () => {
  const { clock, carrier, prober, connect, facts, restarts } = start({ way: { type: 'ping', peer: 'emqx' } })
  connect()
  carrier.oldestFlightMs = clock.steadyMs()
  for (let second = 0; second < 31; second += 1) {
    for (const ended of carrier.pings.splice(0)) ended(true)
    clock.advance(1_000)
  }
  assert.deepEqual(
    facts.map((fact) => 'direction' in fact && fact.direction),
    ['acknowledgements'],
  )
  assert.equal(restarts.length, 1)
  assert.equal(prober.view().kind, 'emqx')
  assert.equal(prober.view().answered, 7)
})

test('who was mute and has nothing to say any more is not mute', () => {
  const { clock, carrier, prober, mute, restarts } = start({ way: { type: 'ping', peer: 'emqx' } })
  prober.connected('b1')
  carrier.oldestFlightMs = clock.steadyMs()
  const answerPings = (seconds: number) => {
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1_000)
      for (const ended of carrier.pings.splice(0)) ended(true)
    }
  }
  answerPings(16)
  assert.equal(mute(), true)
  // The prober hears of the acknowledgement while the message is still among those that fly, as it does of a sender that counts last.
  prober.crossed(16_000, clock.steadyMs())
  carrier.oldestFlightMs = undefined
  assert.equal(mute(), false)
  answerPings(60)
  assert.equal(mute(), false)
  assert.deepEqual(restarts, [])
})

test('messages of which the last were acknowledged without a word are waited for no more', () => {
  const { clock, carrier, prober, mute, restarts } = start({ way: { type: 'ping', peer: 'emqx' } })
  prober.connected('b1')
  const answerPings = (seconds: number) => {
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1_000)
      for (const ended of carrier.pings.splice(0)) ended(true)
    }
  }
  // Two fly together, and the acknowledgement of the first stands for both. In between it is looked what flies.
  carrier.oldestFlightMs = clock.steadyMs() + 4_900
  answerPings(4)
  prober.crossed(100, clock.steadyMs())
  answerPings(1)
  carrier.oldestFlightMs = undefined
  answerPings(60)
  assert.equal(mute(), false)
  assert.deepEqual(restarts, [])
})

test('of several connections each is to answer a ping; one that goes meanwhile makes none of the others mute', () => {
  const { clock, carrier, prober, connect, facts } = start({ way: { type: 'ping', peer: 'emqx' } })
  carrier.connections = 2
  connect()
  carrier.pings.shift()?.(true)
  assert.equal(prober.view().answered, 0)
  carrier.pings.shift()?.(true)
  assert.equal(prober.view().answered, 1)
  for (let second = 0; second < 60; second += 1) {
    clock.advance(1_000)
    for (const [index, ended] of carrier.pings.splice(0).entries()) ended(index === 0)
  }
  assert.deepEqual(facts, [])
  clock.advance(40_000)
  assert.equal(facts.length, 1)
})

test('real messages tell how long they take from the peer, by the clock of the node that answers probes', () => {
  const { clock, prober, connect, cross } = start({ aheadMs: -500 })
  connect()
  prober.received('b1', clock.nowMs())
  assert.equal(prober.view().one_way_messages, null)
  cross(20, 20)
  prober.received('b1', clock.nowMs() - 500 - 80)
  prober.received('b2', 0)
  const { one_way_messages, last_received_at } = prober.view()
  assert.deepEqual([one_way_messages?.count, one_way_messages?.max_ms], [1, 80])
  assert.equal(last_received_at, new Date(clock.nowMs()).toISOString())
})

test('who asks at once waits for the probe that is on its way, and for no longer than he says', async () => {
  const { clock, carrier, prober, connect, cross } = start()
  assert.deepEqual(await prober.probeNow(1_000), { type: 'not_connected' })
  connect()
  const answered = prober.probeNow(1_000)
  cross(5, 5)
  const kind = 'native'
  const all = {
    type: 'answered',
    kind,
    round_trip_ms: 10,
    one_way_ms: 5,
    answered_over: 'peers_link',
    clock_offset_ms: 0,
  }
  assert.deepEqual(await answered, all)
  const late = prober.probeNow(1_000)
  assert.equal(carrier.probes.length, 2)
  carrier.probes[1]!.acknowledged()
  clock.advance(1_000)
  assert.deepEqual(await late, { type: 'unanswered', kind, waited_ms: 1_000, isAcknowledged: true })
  const gone = prober.probeNow(60_000)
  prober.disconnected()
  assert.deepEqual(await gone, { type: 'unanswered', kind, waited_ms: 0, isAcknowledged: true })
  assert.equal(clock.timers, 0)
})

test('this process stood still: nobody else was silent', () => {
  const { clock, connect, cross, facts, prober } = start()
  connect()
  // A timer fires an hour late, and what came meanwhile is yet to be read.
  clock.stall(3_600_000)
  clock.advance(0)
  cross()
  assert.deepEqual(facts, [])
  assert.equal(prober.view().answered, 1)
})

test('counters begin anew, and what is on its way is one of theirs', () => {
  const { prober, clock, connect, cross } = start()
  connect()
  cross()
  clock.advance(5_000)
  prober.crossed(7, clock.steadyMs())
  assert.equal(prober.latency().ack.max_ms, 7)
  prober.resetCounters()
  const { sent, answered, lost, round_trip } = prober.view()
  assert.deepEqual([sent, answered, lost, round_trip], [1, 0, 0, null])
  assert.equal(prober.latency().ack.count, 0)
  assert.equal(prober.latency().ack_last_5m.count, 0)
})

test('a link that is disabled is forgotten, with all that was wrong', () => {
  const { prober, clock, connect, mute } = start()
  connect()
  clock.advance(20_000)
  assert.equal(mute(), true)
  prober.forget()
  assert.equal(mute(), false)
  assert.equal(clock.timers, 0)
  connect()
  clock.advance(14_000)
  assert.equal(mute(), false)
})
