/** What a judge found, in words: what breaks a guarantee, worst first, and what is only worth saying. Pure. */
import type { Observed } from './observed.ts'
import type { Pair } from './pair.ts'
import type { Account, Case, Fault, Finding, Guarantees, Healing, Severity, Tally } from './verdict.ts'

export type Seen = {
  readonly observed: Observed
  readonly pairs: readonly Pair[]
  readonly cases: readonly Case[]
  readonly accounts: readonly Account[]
  readonly healings: readonly Healing[]
  readonly faults: readonly Fault[]
  readonly guarantees: Guarantees
  readonly tallies: readonly Tally[]
}

/** Worst first. */
export const SEVERITIES: readonly Severity[] = [
  'lost_without_trace',
  'lost',
  'misdelivered',
  'doubled',
  'out_of_order',
  'silent',
  'slow',
]

export function findingsOf(seen: Seen): Finding[] {
  const all = [
    ...losses(seen),
    ...forgotten(seen),
    ...misdeliveries(seen),
    ...doubles(seen),
    ...disorder(seen),
    ...silence(seen),
    ...slowness(seen),
  ]
  return all.toSorted((one, other) => SEVERITIES.indexOf(one.severity) - SEVERITIES.indexOf(other.severity))
}

export function notesOf({ observed, accounts, guarantees, tallies, pairs }: Seen): string[] {
  const notes: string[] = []
  if (!observed.isQuiet)
    notes.push('messages still came, or clients were still away, when the time to wait for quiet was over')
  for (const { from, to, lost, crashed, claimedDropped, doubled, claimedDoubled } of accounts) {
    const way = wayOf(from, to)
    if (guarantees.loss === 'crash' && crashed > 0)
      notes.push(
        `${way}: ${crashed} were lost with a process that held them, or that did not know again yet who wants them`,
      )
    if (claimedDropped > 0) notes.push(`${way}: ledgers own up to ${claimedDropped} dropped, of ${lost} missing here`)
    if (doubled > 0 && guarantees.doubles !== 'none')
      notes.push(`${way}: ${doubled} came twice; receivers had said so of ${claimedDoubled}`)
  }
  for (const { qos, refused, unanswered, lost, resent } of tallies) {
    if (refused > 0) notes.push(`${refused} messages of QoS ${qos} were refused by the broker`)
    if (unanswered > 0) notes.push(`${unanswered} messages of QoS ${qos} were never answered, and may be either`)
    if (resent > 0)
      notes.push(`${resent} copies of QoS ${qos} were sent again on a client's new connection, as MQTT has it`)
    if (qos === 0 && lost > 0) notes.push(`${lost} of QoS 0 did not arrive`)
  }
  const strange = pairs.length === 0 ? 0 : observed.subscribers.reduce((sum, one) => sum + one.strange, 0)
  if (strange > 0) notes.push(`${strange} messages came that are nobody's here`)
  return notes
}

const wayOf = (from: string, to: string): string => (from === to ? `within ${to}` : `${from} to ${to}`)

const many = (count: number, one: string): string => `${count.toLocaleString('en')} ${one}${count === 1 ? '' : 's'}`

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

/** ` The first: …`, of those of a kind. */
function firstOf({ cases, observed }: Seen, isOne: (it: Case) => boolean): string {
  const first = cases
    .filter(isOne)
    .reduce<Case | undefined>((best, it) => (best && best.atMs <= it.atMs ? best : it), undefined)
  if (first === undefined) return ''
  const { publisher, sequence, subscriber, atMs, qos } = first
  return `. The first: number ${sequence} of ${publisher} (QoS ${qos}) at ${subscriber}, ${seconds(atMs - observed.fromMs)} after the start`
}

function losses(seen: Seen): Finding[] {
  const { accounts, guarantees, pairs } = seen
  return accounts.flatMap(({ from, to, lost, crashed, lostWithoutTrace }): Finding[] => {
    // What a crash took has no ledger to stand in; where it is no excuse it is lost without a trace like all others.
    const untold = Math.min(lost, lostWithoutTrace + (guarantees.loss === 'crash' ? 0 : crashed))
    const told = guarantees.loss === 'none' ? lost - untold : 0
    const ofWay = (it: Case): boolean =>
      it.what === 'lost' &&
      it.qos > 0 &&
      pairs.some(
        ({ publisher, subscriber }) =>
          publisher.name === it.publisher &&
          subscriber.name === it.subscriber &&
          subscriber.cluster === to &&
          (from === to || publisher.cluster === from),
      )
    const where = `${wayOf(from, to)}: ${many(untold, 'acknowledged message')}`
    return [
      ...(untold === 0
        ? []
        : [{ severity: 'lost_without_trace', words: `${where} lost without a trace${firstOf(seen, ofWay)}` } as const]),
      ...(told === 0
        ? []
        : [
            {
              severity: 'lost',
              words: `${wayOf(from, to)}: ${many(told, 'acknowledged message')} lost, as the ledgers say${firstOf(seen, ofWay)}`,
            } as const,
          ]),
    ]
  })
}

/** A session that was to be kept and is not takes its messages along, and nobody counts them. */
function forgotten({ observed, faults, guarantees }: Seen): Finding[] {
  return observed.subscribers.flatMap(({ name, cluster, isDurable, spans }): Finding[] => {
    const times = isDurable ? spans.filter(({ endedBy }) => endedBy === 'forgotten').length : 0
    const isExcused = guarantees.loss === 'crash' && faults.some(({ crashes = [] }) => crashes.includes(cluster))
    if (times === 0 || isExcused) return []
    return [{ severity: 'lost', words: `the broker forgot the session of ${name}, which was to be kept (${times}×)` }]
  })
}

const MISDELIVERED: readonly (readonly [what: Case['what'], words: string])[] = [
  ['returned', 'came a second time to the node where it was published'],
  ['not_subscribed', 'came under a topic that was not subscribed'],
  ['not_in_topics', 'crossed where no link lets it'],
  ['changed', 'came changed'],
  ['invented', 'came that nobody published'],
]

function misdeliveries(seen: Seen): Finding[] {
  return MISDELIVERED.flatMap(([what, words]): Finding[] => {
    const count = seen.cases.filter((it) => it.what === what).length
    if (count === 0) return []
    return [
      {
        severity: 'misdelivered',
        words: `${many(count, 'message')} ${words}${firstOf(seen, (it) => it.what === what)}`,
      },
    ]
  })
}

function doubles(seen: Seen): Finding[] {
  const { accounts, guarantees } = seen
  const findings: Finding[] = []
  for (const { from, to, doubled, doubledWithoutTrace } of accounts) {
    const count = { none: doubled, told: doubledWithoutTrace, any: 0 }[guarantees.doubles]
    if (count === 0) continue
    const words = guarantees.doubles === 'told' ? 'twice, and no ledger says that they may' : 'twice'
    findings.push({
      severity: 'doubled',
      words: `${wayOf(from, to)}: ${many(count, 'copy').replace('copys', 'copies')} came ${words}${firstOf(seen, (it) => it.what === 'doubled' && it.qos > 0)}`,
    })
  }
  const ofQos0 = seen.cases.filter((it) => it.what === 'doubled' && it.qos === 0).length
  if (ofQos0 > 0 && guarantees.doubles === 'none')
    findings.push({ severity: 'doubled', words: `${many(ofQos0, 'message')} of QoS 0 came twice` })
  return findings
}

function disorder(seen: Seen): Finding[] {
  const count = seen.cases.filter(({ what }) => what === 'out_of_order').length
  if (count === 0 || seen.guarantees.order === 'free') return []
  const first = firstOf(seen, ({ what }) => what === 'out_of_order')
  return [
    {
      severity: 'out_of_order',
      words: `${many(count, 'message')} came after a later one of the same publisher${first}`,
    },
  ]
}

function silence({ pairs, healings }: Seen): Finding[] {
  return [
    ...pairs
      .filter(({ isSilent }) => isSilent)
      .map(({ publisher, subscriber }): Finding => ({
        severity: 'silent',
        words: `nothing of ${publisher.name} (${publisher.cluster}) ever came to ${subscriber.name} (${subscriber.cluster})`,
      })),
    ...healings
      .filter(({ healMs, pairs }) => healMs === undefined && pairs > 0)
      .map(({ fault, last }): Finding => ({
        severity: 'silent',
        words: `after ${fault} nothing more came from ${last ?? 'anybody'}`,
      })),
  ]
}

function slowness({ healings, guarantees: { healMsMax } }: Seen): Finding[] {
  return healings
    .filter(({ healMs, isOverlapped }) => healMs !== undefined && healMs > healMsMax && !isOverlapped)
    .map(({ fault, healMs, last }): Finding => ({
      severity: 'slow',
      words: `${fault} was felt for ${seconds(healMs!)} after its end, longer than ${seconds(healMsMax)}: ${last ?? ''} moved last`,
    }))
}
