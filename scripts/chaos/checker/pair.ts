/**
 * One publisher and one subscriber whose filter matches its topic: what had to come, and what came. Pure.
 *
 * What has to come, while a subscription stands: at the publisher's own node, all from SUBACK on; elsewhere, all from the first message
 * that came on (the route has to get there before). Where the subscription ended, all up to the last that came: what was on its way then
 * may be either. Only what the broker acknowledged (QoS 0: what was sent) has to come.
 */
import type { Published, PublisherRecord, QoS, Received, Span, SubscriberRecord } from './observed.ts'

export type Copy = Received & { readonly published: Published }

export type Pair = {
  readonly publisher: PublisherRecord
  readonly subscriber: SubscriberRecord
  /** With which messages arrive: the lower of the two. */
  readonly qos: QoS
  /** What had to come, in its order. */
  readonly expected: readonly Published[]
  readonly lost: readonly Published[]
  /** The first copy of each message, in the order of their arrival. What was retained stands at the end of all others. */
  readonly firsts: readonly Copy[]
  /** Second and further copies that nothing excuses, other than those that returned. */
  readonly doubled: readonly Copy[]
  /** At the publisher's own node, on the connection on which it came before: it went around, rather than being sent again. */
  readonly returned: readonly Copy[]
  /** Second and further copies for which MQTT has a reason: DUP on a new connection, or its publisher sent it twice. */
  readonly resent: readonly Copy[]
  /** First copies that came after a later message of their publisher. */
  readonly late: readonly Copy[]
  /** Something was to come, and nothing ever did. */
  readonly isSilent: boolean
}

const REFUSES = 0x80

/** What its publisher was told: nothing need be said of QoS 0. */
export const isGood = (message: Published, qos: QoS): boolean =>
  qos === 0 || (message.answeredMs !== undefined && (message.reasonCode ?? 0) < REFUSES)

/** @param copies what came of this publisher, as it published it, in the order of arrival */
export function pairOf(publisher: PublisherRecord, subscriber: SubscriberRecord, copies: readonly Copy[]): Pair {
  const { firsts, again } = split(copies)
  const bySequence = new Map(firsts.map((copy) => [copy.sequence, copy]))
  const spans = subscriber.spans.map((span, at) => expectedIn(span, at, publisher, subscriber, copies))
  const expected = spans.flatMap((span) => span.messages)
  const second = { resent: [] as Copy[], returned: [] as Copy[], doubled: [] as Copy[] }
  for (const copy of again) second[kindOf(copy, bySequence.get(copy.sequence)!, publisher, subscriber)].push(copy)
  return {
    publisher,
    subscriber,
    qos: publisher.qos < subscriber.qos ? publisher.qos : subscriber.qos,
    expected,
    lost: expected.filter(({ sequence }) => !bySequence.has(sequence)),
    firsts,
    ...second,
    late: lateOf(firsts),
    isSilent: spans.some(({ isSilent }) => isSilent) && firsts.length === 0,
  }
}

/** Copies out of the store of retained messages say nothing of order or number: each new subscription brings one. */
function split(copies: readonly Copy[]): { readonly firsts: Copy[]; readonly again: Copy[] } {
  const bySequence = new Map<number, Copy>()
  const again: Copy[] = []
  for (const copy of copies)
    if (copy.isRetained) continue
    else if (bySequence.has(copy.sequence)) again.push(copy)
    else bySequence.set(copy.sequence, copy)
  const firsts = [...bySequence.values()]
  for (const copy of copies)
    if (copy.isRetained && !bySequence.has(copy.sequence)) {
      bySequence.set(copy.sequence, copy)
      firsts.push(copy)
    }
  return { firsts, again }
}

type Expected = { readonly messages: readonly Published[]; readonly isSilent: boolean }

function expectedIn(
  span: Span,
  at: number,
  { messages, qos, server }: PublisherRecord,
  subscriber: SubscriberRecord,
  copies: readonly Copy[],
): Expected {
  const nextMs = subscriber.spans[at + 1]?.fromMs ?? Infinity
  const previousMs = subscriber.spans[at - 1]?.toMs ?? -Infinity
  const untilMs = span.toMs ?? Infinity
  // A broker may send before its SUBACK.
  const isHere = ({ atMs }: Copy): boolean => atMs > previousMs && atMs < nextMs && atMs <= untilMs
  const published = messages.filter(({ atMs }) => atMs >= span.fromMs && atMs < untilMs)
  const [from] = published
  if (from === undefined) return { messages: [], isSilent: false }
  let lowest = Infinity
  let highest = -Infinity
  for (const copy of copies)
    if (!copy.isRetained && copy.sequence >= from.sequence && isHere(copy)) {
      lowest = Math.min(lowest, copy.sequence)
      highest = Math.max(highest, copy.sequence)
    }
  const first = server === subscriber.server ? from.sequence : lowest
  const last = span.toMs === undefined ? Infinity : highest
  const due = published.filter((message) => isGood(message, qos))
  return {
    messages: due.filter(({ sequence }) => sequence >= first && sequence <= last),
    isSilent: due.length > 0 && highest === -Infinity && span.toMs === undefined,
  }
}

function kindOf(
  copy: Copy,
  first: Copy,
  { qos, server }: PublisherRecord,
  subscriber: SubscriberRecord,
): 'resent' | 'returned' | 'doubled' {
  // A publisher of QoS 1 that was cut off sends again, and the broker takes it for new (MQTT 5, 4.3.2).
  if (qos === 1 && copy.published.sendings > 1) return 'resent'
  // A subscriber's acknowledgement was lost with its connection (MQTT 5, 4.4).
  if (copy.isResent && copy.qos === 1 && first.connection < copy.connection) return 'resent'
  return server === subscriber.server && first.connection === copy.connection ? 'returned' : 'doubled'
}

function lateOf(firsts: readonly Copy[]): Copy[] {
  let highest = 0
  return firsts.filter((copy) => {
    if (copy.isRetained) return false
    const isLate = copy.sequence < highest
    highest = Math.max(highest, copy.sequence)
    return isLate
  })
}
