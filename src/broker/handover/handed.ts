/** Between a session as it lives here and as it is handed out. */
import { reservedNamespace } from '../sessions/subscription.ts'
import type { Queued } from '../sessions/queue.ts'
import type { Session } from '../sessions/session.ts'
import type { SubscriptionTable } from '../sessions/subscription-table.ts'
import type { HandedMessage, HandedSession, HandedUnacknowledged } from './handover-record.ts'

/** Of what waits in a queue so much is handed out, bytes; what is older stays behind. */
const QUEUE_BYTES_MAX = 64 * 1024 * 1024

/** @param queued all that waits in its queue, in order */
export function handedSession(session: Session, queued: readonly Queued[]): HandedSession {
  const unacknowledged = session.window
    .unacknowledged()
    .map((one): HandedUnacknowledged => (one.type === 'pubrel' ? one : { ...one, message: handedMessage(one.queued) }))
  return {
    publisher: session.publisher,
    expiryIntervalMs: session.expiryIntervalMs,
    subscriptions: [...session.subscriptions.values()].map(
      ({ name, qos, noLocal, retainAsPublished, retainHandling, identifier }) => {
        return { name, options: { qos, noLocal, retainAsPublished, retainHandling, identifier } }
      },
    ),
    awaitingRel: [...session.awaitingRel],
    unacknowledged: unacknowledged.filter((one) => one.type === 'pubrel' || !isOfLink(one.message)),
    retained: session.retainedWaiting.map(handedMessage),
    queue: newest(queued).map(handedMessage),
  }
}

export function handedMessage(queued: Queued): HandedMessage {
  const { publication, qos, retain, subscriptionIdentifiers, group } = queued
  return { publication, qos, retain, subscriptionIdentifiers, groupKey: group?.key }
}

/** A message that was handed out, as it stands in a queue here. */
export function queuedOf(table: SubscriptionTable, message: HandedMessage): Queued {
  const { publication, qos, retain, subscriptionIdentifiers, groupKey } = message
  const group = groupKey === undefined ? undefined : table.group(groupKey)
  return { publication, qos, retain, subscriptionIdentifiers, group }
}

/** Those that fit, without what a link has said, which is for the connection of then. */
function newest(queued: readonly Queued[]): Queued[] {
  const found: Queued[] = []
  let bytes = 0
  for (const one of queued.toReversed()) {
    if (isOfLink(one)) continue
    bytes += one.publication.byteLength
    if (bytes > QUEUE_BYTES_MAX) break
    found.push(one)
  }
  return found.toReversed()
}

function isOfLink({ publication }: Pick<Queued, 'publication'>): boolean {
  return reservedNamespace(publication.topic) === 'link'
}
