/** Each thing that must hold: a run in which it does passes, and one in which it does not is found out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inboundOf, ledgerOf, PlantedRun, terms } from './planted-run.ts'
import type { Invariant } from './violation.ts'

type Row = {
  readonly when: string
  /** What is found; nothing if it is left out. */
  readonly found?: Invariant
  readonly plant: (run: PlantedRun) => void
  /** Whether faults are over before the verdict; else it comes at once. */
  readonly isOver?: boolean
}

const killed = (run: PlantedRun, node: string): void => {
  run.silent.add(node)
  run.act({ type: 'node_killed', atMs: run.nowMs, node })
}

const started = (run: PlantedRun, node: string): void => {
  run.act({ type: 'node_started', atMs: run.nowMs, node })
  run.silent.delete(node)
}

/** The process ends, and the next one begins. */
const died = (run: PlantedRun): void => {
  run.act({ type: 'node_killed', atMs: run.nowMs, node: 'a1' })
  run.act({ type: 'node_started', atMs: run.nowMs, node: 'a1' })
}

/** So many have come for the peer, and so many of them are not acknowledged. */
const accounted = (run: PlantedRun, matched: number, inflight: number): void => {
  run.toB.ledger = { matched, delivered: matched - inflight, inflight, queued: 0, dropped: {}, failed: {}, retried: 0 }
  run.toB.outbox = { messages: inflight, bytes: inflight, fill: 0 }
}

const speakEmqx = (run: PlantedRun, durable: boolean): void => {
  run.toB.dialect = 'emqx'
  run.act({ type: 'link_set', atMs: run.nowMs, cluster: 'a', peer: 'b', terms: { ...terms, topics: [], durable } })
  run.pass(40_000)
}

const lost: Row[] = [
  {
    when: 'all goes well',
    plant(run) {
      for (const qos of [1, 2, 1, 2] as const) run.deliver('t/1', qos)
    },
  },
  {
    when: 'a message never gets to the far side',
    found: 'nothing_lost_unseen',
    plant: (run) => run.arrive(run.publish(), run.home),
  },
  {
    when: 'a message never gets to a subscriber at home',
    found: 'nothing_lost_unseen',
    plant(run) {
      run.deliver()
      run.arrive(run.publish(), run.away)
    },
  },
  {
    when: 'a message of QoS 0 is lost',
    plant: (run) => run.arrive(run.publish('t/1', 0), run.home),
  },
  {
    when: 'a message is lost whose publisher was never told that it was taken',
    plant: (run) => void run.publish('t/1', 1, false),
  },
  ...[true, false].map((hadOther): Row => ({
    when: `what comes just after an interest began gets there, and the next does not; ${hadOther ? 'another interest had ended a second before' : 'nobody wanted it before'}`,
    ...(hadOther ? {} : { found: 'nothing_lost_unseen' }),
    plant(run) {
      const [before] = run.away.subscriptions
      if (before !== undefined) before.endedMs = hadOther ? run.nowMs : run.nowMs - 39_000
      run.pass()
      const late = run.session('late', 'b', 'b1')
      const [first, second] = [run.publish(), run.publish()]
      for (const message of [first, second]) run.arrive(message, run.home)
      run.arrive(first, late)
    },
  })),
  {
    when: 'nobody on the far side wants what does not come',
    plant: (run) => void run.publish('u/1'),
  },
  {
    when: 'it stands in the ledger under a reason',
    plant(run) {
      run.arrive(run.publish(), run.home)
      run.toB.ledger = ledgerOf({ matched: 1, dropped: { queue_full: 1 } })
    },
  },
  {
    when: 'two are lost, and one stands in the ledger',
    found: 'nothing_lost_unseen',
    plant(run) {
      for (const message of [run.publish(), run.publish()]) run.arrive(message, run.home)
      run.toB.ledger = ledgerOf({ matched: 2, delivered: 1, dropped: { expired: 1 } })
    },
  },
  {
    when: 'the ledger of another link has a reason',
    found: 'nothing_lost_unseen',
    plant(run) {
      run.arrive(run.publish(), run.home)
      run.toA.ledger = ledgerOf({ matched: 1, dropped: { expired: 1 } })
    },
  },
  {
    when: 'the receiving side took it for one that it had',
    found: 'nothing_lost_unseen',
    plant(run) {
      run.arrive(run.publish(), run.home)
      run.toA.inbound = inboundOf({ received: 1, duplicate: 1 })
    },
  },
  {
    when: 'it still waits at the end, and says so',
    isOver: false,
    plant(run) {
      run.arrive(run.publish(), run.home)
      run.toB.ledger = ledgerOf({ matched: 1, queued: 1 })
      run.toB.outbox = { messages: 1, bytes: 10, fill: 0 }
    },
  },
  {
    when: 'the queue of the session was full',
    plant(run) {
      run.arrive(run.publish(), run.home)
      run.b.losses = { queue_full: 1 }
    },
  },
  {
    when: 'the node was killed with it in memory',
    isOver: false,
    plant(run) {
      run.arrive(run.publish(), run.home)
      run.toB.ledger = ledgerOf({ matched: 1, inflight: 1 })
      run.toB.outbox = { messages: 1, bytes: 10, fill: 0 }
      run.pass(3_000)
      killed(run, 'a1')
    },
  },
  {
    when: 'the node was killed long after it was delivered, as it says',
    found: 'nothing_lost_unseen',
    isOver: false,
    plant(run) {
      run.arrive(run.publish(), run.home)
      run.toB.ledger = ledgerOf({ matched: 1, delivered: 1 })
      run.pass(3_000)
      killed(run, 'a1')
    },
  },
  {
    when: 'the node was killed with it on the disk of a durable link, and came back',
    found: 'nothing_lost_unseen',
    isOver: false,
    plant(run) {
      run.act({
        type: 'link_set',
        atMs: run.nowMs,
        cluster: 'a',
        peer: 'b',
        terms: { ...terms, topics: [], durable: true },
      })
      run.pass(40_000)
      run.act({ type: 'node_killed', atMs: run.nowMs, node: 'a1' })
      started(run, 'a1')
      run.pass(40_000)
      run.arrive(run.publish(), run.home)
      run.toB.ledger = ledgerOf({ matched: 1, inflight: 1 })
      run.toB.outbox = { messages: 1, bytes: 10, fill: 0 }
      run.pass(3_000)
      killed(run, 'a1')
      started(run, 'a1')
      run.toB.ledger = ledgerOf({})
      run.toB.outbox = { messages: 0, bytes: 0, fill: 0 }
      run.pass()
    },
  },
  {
    when: 'the link was deleted with it',
    isOver: false,
    plant(run) {
      run.arrive(run.publish(), run.home)
      run.toB.ledger = ledgerOf({ matched: 1, queued: 1 })
      run.toB.outbox = { messages: 1, bytes: 10, fill: 0 }
      run.pass()
      run.act({ type: 'link_set', atMs: run.nowMs, cluster: 'a', peer: 'b', terms: undefined })
      run.a.links = []
      run.pass()
    },
  },
  {
    when: 'a session was lost for no reason',
    found: 'nothing_lost_unseen',
    plant(run) {
      run.away.end = 'lost_by_broker'
      run.away.endedMs = run.nowMs
      run.session('far-away', 'b', 'b1')
    },
  },
]

const doubled: Row[] = [
  {
    when: 'a message comes twice over a native link',
    found: 'exactly_once',
    plant: (run) => run.arrive(run.deliver(), run.away),
  },
  {
    when: 'its publisher sent it twice at QoS 1',
    plant(run) {
      const message = run.deliver()
      message.sends.push({ atMs: run.nowMs, node: 'a1', connection: 100, isRepeat: true })
      run.arrive(message, run.away)
    },
  },
  {
    when: 'its publisher sent it twice at QoS 2, in the same session',
    found: 'exactly_once',
    plant(run) {
      const message = run.deliver('t/1', 2)
      message.sends.push({ atMs: run.nowMs, node: 'a1', connection: 100, isRepeat: true })
      run.arrive(message, run.away)
    },
  },
  {
    when: 'a session is also member of a group, which gets its own copy',
    plant(run) {
      const [own] = run.away.subscriptions
      if (own !== undefined)
        run.away.subscriptions.push({ ...own, filter: '$share/g/t/1', topicFilter: 't/1', shareName: 'g' })
      run.arrive(run.deliver(), run.away)
    },
  },
  {
    when: 'the broker says that it may have sent it before, on the connection before',
    plant: (run) => run.arrive(run.deliver(), run.away, { isRepeat: true, connection: 77 }),
  },
  {
    when: 'the broker says that it may have sent it before, on the same connection',
    found: 'exactly_once',
    plant: (run) => run.arrive(run.deliver(), run.away, { isRepeat: true }),
  },
  {
    when: 'the receiving side counted it as one that may be double',
    plant(run) {
      run.arrive(run.deliver(), run.away)
      run.toA.inbound = inboundOf({ received: 2, accepted: 2, maybe_duplicate: 1 })
    },
  },
  {
    when: 'it counted one, and two are',
    found: 'exactly_once',
    plant(run) {
      run.arrive(run.deliver(), run.away)
      run.arrive(run.deliver('t/2'), run.away)
      run.toA.inbound = inboundOf({ received: 4, accepted: 4, maybe_duplicate: 1 })
    },
  },
  {
    when: 'the receiving node died in between',
    plant(run) {
      const message = run.deliver()
      run.act({ type: 'node_killed', atMs: run.nowMs, node: 'b1' })
      run.act({ type: 'node_started', atMs: run.nowMs, node: 'b1' })
      run.pass()
      run.arrive(message, run.away)
    },
  },
  {
    when: 'the sending node died in between, which is no excuse',
    found: 'exactly_once',
    plant(run) {
      const message = run.deliver()
      run.act({ type: 'node_killed', atMs: run.nowMs, node: 'a1' })
      run.act({ type: 'node_started', atMs: run.nowMs, node: 'a1' })
      run.pass()
      run.arrive(message, run.away)
    },
  },
  {
    when: 'EMQX’s dialect was spoken, and the sender says that it sent it again',
    plant(run) {
      run.toB.dialect = 'emqx'
      run.toB.ledger = ledgerOf({ matched: 1, delivered: 1, retried: 1 })
      run.arrive(run.deliver(), run.away)
    },
  },
  ...[true, false].map((durable): Row => ({
    when: `EMQX’s dialect was spoken, and the sender died over a link with durable = ${durable} before it was acknowledged`,
    ...(durable ? {} : { found: 'exactly_once' }),
    plant(run) {
      speakEmqx(run, durable)
      accounted(run, 1, 1)
      const message = run.deliver()
      run.pass(20_000)
      died(run)
      accounted(run, 1, 0)
      run.pass()
      run.arrive(message, run.away)
    },
  })),
  {
    when: 'EMQX’s dialect was spoken, and the sender died after it was acknowledged, but comes with others that were not',
    plant(run) {
      speakEmqx(run, true)
      accounted(run, 2, 2)
      const messages = [run.deliver(), run.deliver()]
      accounted(run, 2, 1)
      run.pass(20_000)
      died(run)
      accounted(run, 2, 0)
      run.pass()
      for (const message of messages) run.arrive(message, run.away)
    },
  },
  {
    when: 'EMQX’s dialect was spoken, and the sender died long after all was acknowledged over a durable link',
    found: 'exactly_once',
    plant(run) {
      speakEmqx(run, true)
      accounted(run, 1, 0)
      const message = run.deliver()
      run.pass(20_000)
      died(run)
      run.pass()
      run.arrive(message, run.away)
    },
  },
  {
    when: 'EMQX’s dialect was spoken, and the sender died once over a durable link, after which it comes twice more',
    found: 'exactly_once',
    plant(run) {
      speakEmqx(run, true)
      accounted(run, 1, 1)
      const message = run.deliver()
      died(run)
      accounted(run, 1, 0)
      run.pass()
      for (let count = 0; count < 2; count += 1) run.arrive(message, run.away)
    },
  },
  ...(['live', 'sync'] as const).map((retained): Row => ({
    when: `EMQX’s dialect was spoken, and a retained message comes twice over a link with retained = ${retained}`,
    ...(retained === 'live' ? { found: 'exactly_once' } : {}),
    plant(run) {
      run.toB.dialect = 'emqx'
      const change = { ...terms, topics: [], retained }
      run.act({ type: 'link_set', atMs: run.nowMs, cluster: 'a', peer: 'b', terms: change })
      run.pass(40_000)
      const message = Object.assign(run.deliver(), { retain: true })
      run.arrive(message, run.away)
    },
  })),
  {
    when: 'a message comes back to its own cluster',
    found: 'no_loop',
    plant: (run) => run.arrive(run.deliver(), run.home),
  },
  ...[1, 30].map((extra): Row => ({
    when: `a node of its cluster dies, and a message comes ${extra} times too often to its own cluster`,
    ...(extra === 1 ? {} : { found: 'no_loop' }),
    plant(run) {
      const message = run.deliver()
      run.act({ type: 'node_killed', atMs: run.nowMs, node: 'a1' })
      run.act({ type: 'node_started', atMs: run.nowMs, node: 'a1' })
      for (let count = 0; count < extra; count += 1) run.arrive(message, run.home)
    },
  })),
  {
    when: 'a message comes to a cluster without a link to its own',
    found: 'no_loop',
    plant(run) {
      const { publisher } = run
      const message = run.history.published({
        publisher: { ...publisher, cluster: 'c' },
        topic: 't/1',
        qos: 1,
        retain: false,
        expirySeconds: undefined,
        isWill: false,
      })
      run.arrive(message, run.away)
    },
  },
]

const other: Row[] = [
  {
    when: 'messages of one publisher overtake each other',
    found: 'order',
    plant(run) {
      const [first, second] = [run.publish(), run.publish()]
      for (const message of [first, second]) run.arrive(message, run.home)
      for (const message of [second, first]) run.arrive(message, run.away)
    },
  },
  {
    when: 'messages of two topics, or of two QoS, overtake each other',
    plant(run) {
      const [first, second, third] = [run.publish('t/1', 1), run.publish('t/2', 1), run.publish('t/1', 2)]
      for (const session of [run.home, run.away])
        for (const message of [third, second, first]) run.arrive(message, session)
    },
  },
  {
    when: 'a message that was sent twice comes late',
    plant(run) {
      const [first, second] = [run.publish(), run.publish()]
      first.sends.push({ atMs: run.nowMs, node: 'a1', connection: 100, isRepeat: true })
      for (const session of [run.home, run.away]) for (const message of [second, first]) run.arrive(message, session)
    },
  },
  {
    when: 'a link does not run when all is over',
    found: 'convergence',
    plant: (run) => void Object.assign(run.toB, { state: 'degraded', reasons: ['a reason'] }),
  },
  { when: 'a node that should run is silent', found: 'convergence', plant: (run) => void run.silent.add('b1') },
  {
    when: 'a node lacks a route when all is over',
    found: 'convergence',
    plant(run) {
      run.session('late', 'b', 'b1', 'u/+')
      run.act({ type: 'link_set', atMs: run.nowMs, cluster: 'b', peer: 'a', terms: { ...terms, topics: ['#'] } })
    },
  },
  {
    when: 'a node has a route that nobody wants',
    found: 'convergence',
    plant: (run) => void (run.toA.routes = ['t/1', 'u/1']),
  },
  {
    when: 'something still waits when all is over',
    found: 'convergence',
    plant(run) {
      run.toB.ledger = ledgerOf({ matched: 1, queued: 1 })
      run.toB.outbox = { messages: 1, bytes: 10, fill: 0 }
    },
  },
  {
    when: 'what was published after all was over does not arrive',
    found: 'nothing_lost_unseen',
    isOver: false,
    plant(run) {
      run.act({ type: 'quiet', atMs: run.nowMs })
      run.pass(61_000)
      run.arrive(run.publish(), run.away)
    },
  },
  {
    when: 'a route is gone for a moment, though it was wanted throughout',
    found: 'no_gap',
    plant(run) {
      run.toB.routes = []
      run.pass()
      run.toB.routes = ['t/#']
    },
  },
  ...[true, false].map((hadOther): Row => ({
    when: `a route comes just after an interest began, and goes for a moment; ${hadOther ? 'another interest had ended a second before' : 'nobody wanted it before'}`,
    ...(hadOther ? {} : { found: 'no_gap' }),
    plant(run) {
      run.toB.routes = []
      const [before] = run.away.subscriptions
      if (before !== undefined) before.endedMs = hadOther ? run.nowMs : run.nowMs - 39_000
      run.pass()
      run.session('late', 'b', 'b1')
      for (const routes of [['t/#'], [], ['t/#']]) {
        run.pass()
        run.toB.routes = routes
      }
      run.pass()
    },
  })),
  {
    when: 'a route changes its shape, and does the same',
    plant(run) {
      run.toB.routes = ['t/+', 't/1']
      run.pass()
      run.toB.routes = ['#']
      run.pass()
      run.toB.routes = ['t/#']
      run.pass()
    },
  },
  {
    when: 'a route goes because nobody wants it any more',
    plant(run) {
      const [subscription] = run.away.subscriptions
      if (subscription !== undefined) subscription.endedMs = run.nowMs
      run.pass()
      run.toB.routes = []
    },
  },
  {
    when: 'a route goes because the link is switched off',
    isOver: false,
    plant(run) {
      run.act({ type: 'link_set', atMs: run.nowMs, cluster: 'b', peer: 'a', terms: { ...terms, enable: false } })
      run.pass()
      run.toB.routes = []
      run.pass()
    },
  },
  {
    when: 'a route goes with the process that had it',
    isOver: false,
    plant(run) {
      run.act({ type: 'node_killed', atMs: run.nowMs, node: 'a1' })
      run.toB.routes = []
      run.pass()
      run.act({ type: 'node_started', atMs: run.nowMs, node: 'a1' })
      run.pass()
    },
  },
  {
    when: 'two nodes hold a lease under one incarnation',
    found: 'one_speaker',
    plant(run) {
      const lease = { name: 'route:b', state: 'holder', holder: 'a1', incarnation: 7 }
      run.a.leases = [lease]
      run.b.leases = [{ ...lease }]
      run.b.cluster = 'a'
      run.pass()
      run.b.cluster = 'b'
      run.b.leases = []
    },
  },
  {
    when: 'an older connection of a ClientID is still spoken to',
    found: 'one_speaker',
    plant(run) {
      const [older] = run.away.connections
      run.connection(run.away.client, 'b1')
      run.pass(10_000)
      if (older !== undefined) older.heardMs = run.nowMs
    },
  },
  {
    when: 'a client hears what is for peers',
    found: 'closed',
    plant: (run) => run.arrive(run.deliver(), run.away, { topic: '$LINK/cluster/msg/a', isRetained: true }),
  },
  {
    when: 'a client may subscribe where peers speak',
    found: 'closed',
    plant(run) {
      const { client } = run.away
      run.history.trespasses.push({
        client,
        action: 'subscribe',
        topic: '$LINK/#',
        atMs: 0,
        message: undefined,
        answer: 1,
      })
    },
  },
  {
    when: 'a client that may not is told so',
    plant(run) {
      const { client } = run.away
      run.history.trespasses.push({
        client,
        action: 'subscribe',
        topic: '$LINK/#',
        atMs: 0,
        message: undefined,
        answer: 0x87,
      })
      run.history.trespasses.push({
        client,
        action: 'publish',
        topic: '$LINK/x',
        atMs: 0,
        message: undefined,
        answer: 'closed',
      })
    },
  },
  {
    when: 'a message comes over a link on a topic that the link does not want',
    found: 'closed',
    plant(run) {
      const session = run.session('greedy', 'b', 'b1', 'u/#')
      run.arrive(run.publish('u/1'), session)
    },
  },
  {
    when: 'an outbox holds more than it may',
    found: 'bounded',
    plant(run) {
      run.toB.outbox = { messages: 0, bytes: 3_000_000, fill: 3 }
      run.pass()
      run.toB.outbox = { messages: 0, bytes: 0, fill: 0 }
    },
  },
  {
    when: 'a client is sent more than it allows',
    found: 'bounded',
    plant(run) {
      const [connection] = run.away.connections
      if (connection !== undefined) connection.inflightMax = 11
    },
  },
  {
    when: 'an account does not add up',
    found: 'ledger_balances',
    plant(run) {
      run.toB.ledger = ledgerOf({ matched: 2, delivered: 1 })
    },
  },
  {
    when: 'an account of what came does not add up',
    found: 'ledger_balances',
    plant(run) {
      run.toA.inbound = inboundOf({ received: 2, accepted: 1 })
    },
  },
  {
    when: 'an account shrinks',
    found: 'ledger_balances',
    plant(run) {
      run.toB.ledger = ledgerOf({ matched: 2, delivered: 2 })
      run.pass()
      run.toB.ledger = ledgerOf({ matched: 1, delivered: 1 })
    },
  },
  {
    when: 'an account is begun anew by somebody',
    plant(run) {
      run.toB.ledger = ledgerOf({ matched: 2, delivered: 2 })
      run.pass()
      run.act({ type: 'ledger_reset', atMs: run.nowMs, node: 'a1', peer: 'b' })
      run.toB.ledger = ledgerOf({})
    },
  },
]

for (const { when, found, plant, isOver } of [...lost, ...doubled, ...other]) {
  test(`${when}: ${found ?? 'nothing is found'}`, () => {
    const run = new PlantedRun()
    plant(run)
    run.pass()
    const verdict = run.verdict(isOver)
    const words = run.found.map(({ invariant, words: told }) => `${invariant}: ${told}`).join('\n')
    if (found === undefined) assert.deepEqual(verdict, [], words)
    else assert.ok(verdict.includes(found), words)
  })
}

test('a loop is seen as soon as a message comes back, and not before', () => {
  const run = new PlantedRun()
  const message = run.deliver()
  assert.equal(run.oracle.hasLoop(), false)
  run.arrive(message, run.home)
  assert.equal(run.oracle.hasLoop(), true)
  run.pass()
  assert.deepEqual(
    run.found.map(({ invariant }) => invariant),
    ['no_loop'],
  )
})
