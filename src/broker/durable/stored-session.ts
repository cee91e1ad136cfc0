/** A kept session as the store knows it. */
import type { QoS } from '../../packets/message.ts'
import type { Publication } from '../../packets/publication.ts'
import type { Queued } from '../sessions/queue.ts'
import type { Session, Will } from '../sessions/session.ts'
import type { ShareGroup } from '../sessions/subscription.ts'
import { ImportedDelivery, StoredDelivery } from './batch.ts'
import type { Journal } from './journal.ts'

/** QoS 2 has this and all higher packet identifiers of a kept session for itself. */
export const QOS2_ID_MIN = 32_768

export class StoredSession {
  /** Its key in the store. */
  readonly number: number
  readonly session: Session
  /** The commit in which its packet identifiers of QoS 2 were last changed. */
  changedIn = 0
  /** The will that is on disk, or on its way there. */
  writtenWill: Will | 'unknown' | undefined
  isEnded = false
  readonly #journal: Journal
  #next = 0

  constructor(number: number, session: Session, journal: Journal) {
    this.number = number
    this.session = session
    this.#journal = journal
  }

  /** A message for this session, on its way to disk from now on. `isSent`: and to the client at once. */
  take(
    publication: Publication,
    qos: QoS,
    retain: boolean,
    subscriptionIdentifiers: readonly number[],
    group: ShareGroup | undefined,
    isSent: boolean,
  ): StoredDelivery {
    const n = this.#next++
    const batch = this.#journal.batch
    const delivery = new StoredDelivery(publication, qos, retain, subscriptionIdentifiers, group, this, n, batch)
    if (isSent) delivery.sent()
    this.#journal.added(delivery)
    return delivery
  }

  /** A message that another node has sent to the client and that is not acknowledged. */
  takeOver(queued: Queued, packetId: number): StoredDelivery {
    const delivery = new ImportedDelivery(queued, packetId, this, this.#next++, this.#journal.batch)
    this.#journal.added(delivery)
    return delivery
  }

  /** Deliveries up to this number are on disk: later ones come after it. */
  passNumber(n: number): void {
    if (n >= this.#next) this.#next = n + 1
  }

  /** Nothing more is to be done for a message: acknowledged, dropped, or the session is over. */
  settled(queued: Queued): void {
    if (queued instanceof StoredDelivery) this.#journal.settled(queued)
  }

  /** Packet identifiers of QoS 2 changed, to be found in the session and its window. */
  touch(): void {
    this.#journal.progressed(this)
  }

  /** What is said of the session itself, or its will, changed. */
  changed(): void {
    this.#journal.sessionChanged(this)
  }

  /** Its client is gone: what it was sent and has not acknowledged is sent again as such, after a crash too [MQTT-3.3.1-1]. */
  left(): void {
    for (const unacknowledged of this.session.window.unacknowledged())
      if (unacknowledged.type === 'publish' && unacknowledged.queued instanceof StoredDelivery)
        this.#journal.sent(unacknowledged.queued)
    this.changed()
  }

  /** The session is over. */
  end(): void {
    this.isEnded = true
    this.#journal.sessionChanged(this)
  }
}

/**
 * The packet identifier under which a delivery goes out at QoS 2. It follows from the delivery alone, so that it is the
 * same after a crash: under another one the client would take the message for a new one. Where another node has sent it
 * first, it is that node's.
 */
export function qos2Id(delivery: StoredDelivery): number {
  if (delivery instanceof ImportedDelivery) return delivery.packetId
  const { n } = delivery
  return QOS2_ID_MIN + (n % (65_536 - QOS2_ID_MIN))
}
