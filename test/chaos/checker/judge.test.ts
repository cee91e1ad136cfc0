/** The judge finds what is planted, all of it and nothing else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { judge } from '../../../scripts/chaos/checker/judge.ts'
import type { QoS } from '../../../scripts/chaos/checker/observed.ts'
import { isMatch } from '../../../scripts/chaos/checker/topic-match.ts'
import type { Case, Fault, Guarantees, LedgerClaim, Severity } from '../../../scripts/chaos/checker/verdict.ts'
import { History, type PublisherPart, type SubscriberPart, timeOf } from './history.ts'

const STRICT: Guarantees = { loss: 'none', doubles: 'none', order: 'kept', healMsMax: 1_000 }

const qos = fc.constantFrom<QoS[]>(0, 1, 2)
const cluster = fc.constantFrom('eu', 'us', 'ap')
const publisherPart = fc.record({ cluster, topic: fc.constantFrom('a/1', 'a/2', 'b/1'), qos })
const subscriberPart = fc.record({
  cluster,
  filter: fc.constantFrom('a/#', '#', 'b/+', 'a/1', '+/1'),
  qos,
  isDurable: fc.boolean(),
})
const plants = ['lost', 'doubled', 'late', 'resent', 'changed', 'unanswered', 'refused', 'invented', 'stray'] as const
const plant = fc.record({
  what: fc.constantFrom(...plants),
  publisher: fc.nat(),
  subscriber: fc.nat(),
  // Numbers 3, 6, 9 … are planted with; those between stay, so that one plant can't undo another.
  third: fc.integer({ min: 1, max: 12 }),
})
const COUNT = 40

test('property: whatever is planted, the judge finds exactly that', () => {
  fc.assert(
    fc.property(
      fc.array(publisherPart, { minLength: 1, maxLength: 4 }),
      fc.array(subscriberPart, { minLength: 1, maxLength: 4 }),
      fc.array(plant, { maxLength: 15 }),
      (publisherParts, subscriberParts, planted) => {
        const publishers = publisherParts.map((part, at): PublisherPart => ({ ...part, name: `p${at}` }))
        const subscribers = subscriberParts.map((part, at): SubscriberPart => ({ ...part, name: `s${at}` }))
        const history = new History(publishers, subscribers, COUNT)
        const expected = new Set<string>()
        const used = new Set<string>()
        for (const { what, publisher, subscriber, third } of planted) {
          const from = publishers[publisher % publishers.length]!
          const to = subscribers[subscriber % subscribers.length]!
          // What concerns a message concerns all that get it: one plant a message.
          const key = `${from.name} ${third}`
          if (used.has(key)) continue
          used.add(key)
          for (const it of sow(history, what, from, to, third * 3)) expected.add(it)
        }
        const verdict = judge(history.observed(), { faults: [], guarantees: STRICT })
        assert.deepEqual(verdict.cases.map(wordsOf).toSorted(), [...expected].toSorted())
        assert.equal(
          verdict.holds,
          verdict.cases.every(({ what, qos }) => what === 'lost' && qos === 0),
        )
      },
    ),
    { numRuns: 300 },
  )
})

const wordsOf = (it: Pick<Case, 'what' | 'publisher' | 'subscriber' | 'sequence'>): string =>
  `${it.what} ${it.publisher} ${it.subscriber} ${it.sequence}`

/** @returns what the judge has to find */
function sow(
  history: History,
  what: (typeof plants)[number],
  from: PublisherPart,
  to: SubscriberPart,
  sequence: number,
): string[] {
  const found = (what: Case['what'], number = sequence): string[] => [
    wordsOf({ what, publisher: from.name, subscriber: to.name, sequence: number }),
  ]
  const isWanted = isMatch(from.topic, to.filter)
  if (what === 'invented') {
    history.arrive(to.name, from.name, COUNT + sequence)
    return found('invented', COUNT + sequence)
  }
  if (what === 'stray') {
    history.arrive(to.name, from.name, sequence, { topic: 'c/1', atMs: 1 })
    return found(isMatch('c/1', to.filter) ? 'changed' : 'not_subscribed')
  }
  if (!isWanted) return []
  const lowerQos = Math.min(from.qos, to.qos)
  switch (what) {
    case 'lost':
      history.lose(to.name, from.name, sequence)
      return found('lost')
    case 'doubled':
      history.arrive(to.name, from.name, sequence, { atMs: timeOf(sequence + 2) })
      return found(from.cluster === to.cluster ? 'returned' : 'doubled')
    case 'late':
      history.delay(to.name, from.name, sequence, 11)
      return found('out_of_order')
    case 'changed':
      history.lose(to.name, from.name, sequence)
      history.arrive(to.name, from.name, sequence, { isChanged: true })
      return found('changed')
    case 'resent':
      if (lowerQos !== 1) return []
      history.arrive(to.name, from.name, sequence, { atMs: timeOf(sequence + 2), isResent: true, connection: 1 })
      return []
    case 'unanswered':
    case 'refused': {
      if (from.qos === 0) return []
      const message = history.publisher(from.name).messages[sequence - 1]!
      if (what === 'refused') message.reasonCode = 0x97
      else delete message.answeredMs
      history.lose(to.name, from.name, sequence)
      return []
    }
  }
}

const EU_PUBLISHES: PublisherPart = { name: 'p', cluster: 'eu', topic: 'a/1', qos: 1 }
const at = (cluster: string, name = cluster): SubscriberPart => ({ name, cluster, filter: 'a/#', qos: 1 })
const claim = (from: string, to: string, dropped: LedgerClaim['dropped'], maybeDuplicate = 0): LedgerClaim => ({
  from,
  to,
  dropped,
  maybeDuplicate,
})
const crash = (fromMs: number, toMs: number, ...crashes: readonly string[]): Fault => ({
  name: 'kill',
  kind: 'sigkill',
  fromMs,
  toMs,
  crashes,
})

type Row = {
  readonly when: string
  readonly guarantees?: Partial<Guarantees>
  readonly ledgers?: readonly LedgerClaim[]
  readonly faults?: readonly Fault[]
  readonly subscribers?: readonly SubscriberPart[]
  readonly plant: (history: History) => void
  readonly finds: readonly Severity[]
}

const rows: readonly Row[] = [
  { when: 'all came', plant: () => undefined, finds: [] },
  {
    when: 'what is lost stands in a ledger, and was promised',
    ledgers: [claim('eu', 'us', { queue_full: 2 })],
    plant: (history) => history.lose('us', 'p', 5, 6),
    finds: ['lost'],
  },
  {
    when: 'what is lost stands in a ledger, and may',
    guarantees: { loss: 'told' },
    ledgers: [claim('eu', 'us', { queue_full: 1, expired: 1 })],
    plant: (history) => history.lose('us', 'p', 5, 6),
    finds: [],
  },
  {
    when: 'ledgers own up to fewer than are lost',
    guarantees: { loss: 'told' },
    ledgers: [claim('eu', 'us', { queue_full: 1 })],
    plant: (history) => history.lose('us', 'p', 5, 6),
    finds: ['lost_without_trace'],
  },
  {
    when: 'QoS 0 that was shed is no account of what was acknowledged',
    guarantees: { loss: 'told' },
    ledgers: [claim('eu', 'us', { shed_qos0: 9 })],
    plant: (history) => history.lose('us', 'p', 5),
    finds: ['lost_without_trace'],
  },
  {
    when: 'the ledger of another link is no account',
    guarantees: { loss: 'told' },
    ledgers: [claim('us', 'eu', { queue_full: 9 })],
    plant: (history) => history.lose('us', 'p', 5),
    finds: ['lost_without_trace'],
  },
  {
    when: 'one of two subscribers of a cluster lacks what crossed: no link lost it',
    guarantees: { loss: 'told' },
    ledgers: [claim('eu', 'us', { queue_full: 9 })],
    subscribers: [at('us'), at('us', 'other')],
    plant: (history) => history.lose('us', 'p', 5),
    finds: ['lost_without_trace'],
  },
  {
    when: 'a process that crashed held it',
    guarantees: { loss: 'crash' },
    faults: [crash(timeOf(10), timeOf(12), 'eu')],
    plant: (history) => history.lose('us', 'p', 9, 10),
    finds: [],
  },
  {
    when: 'it was lost before the crash, as a later one shows',
    guarantees: { loss: 'crash' },
    faults: [crash(timeOf(10), timeOf(12), 'eu')],
    plant: (history) => history.lose('us', 'p', 5),
    finds: ['lost_without_trace'],
  },
  {
    when: 'after a crash the sender has yet to hear what is wanted',
    guarantees: { loss: 'crash' },
    faults: [crash(timeOf(10), timeOf(12), 'eu')],
    plant: (history) => history.lose('us', 'p', 12, 13, 14, 15),
    finds: [],
  },
  {
    when: 'a receiver that crashed is no reason to lose what comes later',
    guarantees: { loss: 'crash' },
    faults: [crash(timeOf(10), timeOf(12), 'us')],
    plant: (history) => history.lose('us', 'p', 12, 13, 14, 15),
    finds: ['lost_without_trace'],
  },
  {
    when: 'it was published after the crash',
    guarantees: { loss: 'crash' },
    faults: [crash(timeOf(10), timeOf(12), 'eu')],
    plant: (history) => history.lose('us', 'p', 20),
    finds: ['lost_without_trace'],
  },
  {
    when: 'another cluster crashed',
    guarantees: { loss: 'crash' },
    faults: [crash(timeOf(10), timeOf(12), 'ap')],
    plant: (history) => history.lose('us', 'p', 9),
    finds: ['lost_without_trace'],
  },
  {
    when: 'a crash is no excuse where nothing may be lost',
    faults: [crash(timeOf(10), timeOf(12), 'eu')],
    plant: (history) => history.lose('us', 'p', 9),
    finds: ['lost_without_trace'],
  },
  {
    when: 'what came twice was told',
    guarantees: { doubles: 'told' },
    ledgers: [claim('eu', 'us', {}, 1)],
    plant: (history) => history.arrive('us', 'p', 5, { atMs: timeOf(8) }),
    finds: [],
  },
  {
    when: 'what came twice was not told',
    guarantees: { doubles: 'told' },
    plant: (history) => history.arrive('us', 'p', 5, { atMs: timeOf(8) }),
    finds: ['doubled'],
  },
  {
    when: 'at least once was promised',
    guarantees: { doubles: 'any' },
    plant: (history) => history.arrive('us', 'p', 5, { atMs: timeOf(8) }),
    finds: [],
  },
  {
    when: 'a publisher of QoS 1 that was cut off sent it twice',
    plant(history) {
      history.publisher('p').messages[4]!.sendings = 2
      history.arrive('us', 'p', 5, { atMs: timeOf(8) })
    },
    finds: [],
  },
  {
    when: 'it came back to where it was published',
    subscribers: [at('eu'), at('us')],
    plant: (history) => history.arrive('eu', 'p', 5, { atMs: timeOf(8) }),
    finds: ['misdelivered'],
  },
  {
    when: 'what is retained comes with each subscription',
    plant: (history) => history.arrive('us', 'p', 5, { atMs: timeOf(30), isRetained: true }),
    finds: [],
  },
  {
    when: 'it crossed where no link lets it',
    guarantees: { crossings: [{ from: 'eu', to: 'us', topics: ['b/#'] }] },
    plant: (history) => history.lose('us', 'p', ...Array.from({ length: COUNT - 1 }, (_, index) => index + 2)),
    finds: ['misdelivered'],
  },
  {
    when: 'nothing crosses where no link lets it',
    guarantees: { crossings: [{ from: 'us', to: 'eu', topics: ['#'] }] },
    plant: (history) => (history.subscriber('us').received = []),
    finds: [],
  },
  {
    when: 'nothing ever came',
    plant: (history) => (history.subscriber('us').received = []),
    finds: ['silent'],
  },
  {
    when: 'a fault is healed in time',
    faults: [{ name: 'cut', kind: 'cut', fromMs: timeOf(5), toMs: timeOf(10) }],
    plant: (history) => history.delay('us', 'p', 11, 3),
    finds: [],
  },
  {
    when: 'after a fault nothing more comes',
    guarantees: { loss: 'told' },
    ledgers: [claim('eu', 'us', { expired: 100 })],
    faults: [{ name: 'cut', kind: 'cut', fromMs: timeOf(5), toMs: timeOf(10) }],
    plant: (history) => history.lose('us', 'p', ...Array.from({ length: COUNT - 5 }, (_, index) => index + 6)),
    finds: ['silent'],
  },
  {
    when: 'a fault is felt too long',
    guarantees: { healMsMax: 50 },
    faults: [{ name: 'cut', kind: 'cut', fromMs: timeOf(5), toMs: timeOf(10) }],
    plant(history) {
      for (let sequence = 6; sequence <= COUNT; sequence += 1) history.delay('us', 'p', sequence, 500)
    },
    finds: ['slow'],
  },
  {
    when: 'messages before the first that crossed need not have',
    plant: (history) => history.lose('us', 'p', 1, 2, 3),
    finds: [],
  },
  {
    when: 'at the node of its publisher a subscriber gets the first too',
    subscribers: [at('eu')],
    plant: (history) => history.lose('eu', 'p', 1),
    finds: ['lost_without_trace'],
  },
  {
    when: 'a clean session is away, and what was on its way is gone with it',
    subscribers: [
      { ...at('us'), spans: [{ fromMs: -1, toMs: timeOf(10), endedBy: 'disconnect' }, { fromMs: timeOf(20) }] },
    ],
    plant: (history) => history.lose('us', 'p', 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21),
    finds: [],
  },
  {
    when: 'a clean session lacks what others show to have come while it was there',
    subscribers: [
      { ...at('us'), spans: [{ fromMs: -1, toMs: timeOf(10), endedBy: 'disconnect' }, { fromMs: timeOf(20) }] },
    ],
    plant: (history) => history.lose('us', 'p', 5, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 30),
    finds: ['lost_without_trace'],
  },
  {
    when: 'a session that was to be kept is forgotten',
    subscribers: [
      {
        ...at('us'),
        isDurable: true,
        spans: [{ fromMs: -1, toMs: timeOf(10), endedBy: 'forgotten' }, { fromMs: timeOf(11) }],
      },
    ],
    plant: (history) => history.lose('us', 'p', 9, 10, 11),
    finds: ['lost'],
  },
]

for (const { when, guarantees = {}, ledgers = [], faults = [], subscribers = [at('us')], plant, finds } of rows)
  test(`judge: ${when}`, () => {
    const history = new History([EU_PUBLISHES], subscribers, COUNT)
    plant(history)
    const { findings, holds } = judge(history.observed(), { faults, guarantees: { ...STRICT, ...guarantees }, ledgers })
    assert.deepEqual(
      findings.map(({ severity }) => severity),
      finds,
      JSON.stringify(findings),
    )
    assert.equal(holds, finds.length === 0)
  })

const OF_QOS_2: PublisherPart = { ...EU_PUBLISHES, qos: 2 }
const overCrash = { sendings: 2, answeredMs: timeOf(12), crashed: 'eu', doubles: 'told', finds: [] } as const
for (const { when, sendings, answeredMs, crashed, doubles, finds } of [
  { when: 'its broker died before it had answered', ...overCrash },
  { ...overCrash, when: 'another cluster died', crashed: 'us', finds: ['doubled'] },
  { ...overCrash, when: 'it was answered before', answeredMs: timeOf(9), finds: ['doubled'] },
  { ...overCrash, when: 'it was sent once', sendings: 1, finds: ['doubled'] },
  { ...overCrash, when: 'nothing may come twice', doubles: 'none', finds: ['doubled'] },
] as const)
  test(`judge: a message of QoS 2 that came twice: ${when}`, () => {
    const history = new History([OF_QOS_2], [at('us')], COUNT)
    Object.assign(history.publisher('p').messages[4]!, { sendings, answeredMs })
    history.arrive('us', 'p', 5, { atMs: timeOf(11) })
    const faults = [crash(timeOf(10), timeOf(11), crashed)]
    const { findings } = judge(history.observed(), { faults, guarantees: { ...STRICT, doubles } })
    assert.deepEqual(
      findings.map(({ severity }) => severity),
      finds,
      JSON.stringify(findings),
    )
  })

test('judge: the time to heal is that of the pair that came last, and overlapping faults share theirs', () => {
  const history = new History([EU_PUBLISHES], [at('us'), at('ap')], COUNT)
  for (let sequence = 6; sequence <= COUNT; sequence += 1) history.delay('ap', 'p', sequence, 100)
  const faults = [
    { name: 'first', kind: 'cut', fromMs: timeOf(5), toMs: timeOf(10) + 1 },
    { name: 'second', kind: 'cut', fromMs: timeOf(12), toMs: timeOf(13) + 1 },
    { name: 'after all', kind: 'cut', fromMs: history.toMs - 2, toMs: history.toMs - 1 },
  ]
  const { healings, largestGap } = judge(history.observed(), { faults, guarantees: STRICT })
  // Published 9 ms after the end of the fault, which is 1 ms after a message; 5 ms on its way, and 100 late.
  const [first, second, last] = healings
  assert.deepEqual(first, {
    fault: 'first',
    kind: 'cut',
    healMs: 114,
    pairs: 2,
    last: 'p to ap',
    gapMs: 110,
    isOverlapped: true,
  })
  assert.equal(second?.isOverlapped, false)
  assert.deepEqual(last, { fault: 'after all', kind: 'cut', healMs: 0, pairs: 0, gapMs: 0, isOverlapped: false })
  assert.deepEqual(largestGap, { pair: 'p to ap', fromMs: timeOf(5) + 5, toMs: timeOf(6) + 105 })
})

test('judge: worst comes first, with its number and its first case', () => {
  const history = new History([EU_PUBLISHES, { ...EU_PUBLISHES, name: 'q', topic: 'a/2' }], [at('us')], COUNT)
  history.lose('us', 'q', 7, 9)
  history.delay('us', 'p', 4, 11)
  const { findings } = judge(history.observed(), { faults: [], guarantees: STRICT })
  assert.deepEqual(
    findings.map(({ words }) => words),
    [
      'eu to us: 2 acknowledged messages lost without a trace. The first: number 7 of q (QoS 1) at us, 0.1 s after the start',
      '1 message came after a later one of the same publisher. The first: number 4 of p (QoS 1) at us, 0.0 s after the start',
    ],
  )
})
