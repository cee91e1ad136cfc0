/** Puts the messages of the store back into the queues of their sessions. */
import type { Session } from '../sessions/session.ts'
import type { ShareGroup } from '../sessions/subscription.ts'
import { Batch, ImportedDelivery, StoredDelivery } from './batch.ts'
import type { Journal } from './journal.ts'
import type { LoadedBatch } from './load.ts'
import type { DeliveryRecord } from './records.ts'

/** @param sessions by their numbers in the store; all subscriptions are made already */
export function restoreBatches(
  batches: readonly LoadedBatch[],
  sessions: ReadonlyMap<number, Session>,
  journal: Journal,
  groupOf: (key: string) => ShareGroup | undefined,
): void {
  const bySession = new Map<Session, StoredDelivery[]>()
  for (const { number, deliveries } of batches) {
    const restored = deliveries.map((record) => {
      const session = record === undefined ? undefined : sessions.get(record.session)
      if (record === undefined || session === undefined) return undefined
      const delivery = restoreDelivery(record, session, journal, groupOf)
      const own = bySession.get(session)
      if (own === undefined) bySession.set(session, [delivery])
      else own.push(delivery)
      return delivery
    })
    if (Batch.restore(number, restored).left === 0) journal.emptied(number)
  }
  // What was written anew stands in a later batch than messages that came after it.
  for (const [session, deliveries] of bySession)
    for (const delivery of deliveries.sort((a, b) => a.n - b.n)) {
      session.stored?.passNumber(delivery.n)
      session.restore(delivery)
    }
}

function restoreDelivery(
  record: DeliveryRecord,
  session: Session,
  journal: Journal,
  groupOf: (key: string) => ShareGroup | undefined,
): StoredDelivery {
  const { publication, qos, retain, subscriptionIdentifiers, groupKey, n, wasSent, packetId } = record
  const group = groupKey === undefined ? undefined : groupOf(groupKey)
  const owner = session.stored!
  // `Batch.restore` puts it into its own.
  const { batch } = journal
  const delivery =
    packetId === 0
      ? new StoredDelivery(publication, qos, retain, subscriptionIdentifiers, group, owner, n, batch)
      : new ImportedDelivery({ publication, qos, retain, subscriptionIdentifiers, group }, packetId, owner, n, batch)
  delivery.committed()
  // A client that was there when the process died may have been sent it since it was written: DUP says that it may [MQTT-3.3.1-1].
  if (wasSent || session.leftAtMs === undefined) delivery.sent()
  return delivery
}
