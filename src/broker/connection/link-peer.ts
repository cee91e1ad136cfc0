/** A connection that speaks `$LINK/#`, as the inbound side of links sees it. */
import type { LinkClient } from '../../link/broker-port.ts'
import type { QoS } from '../../packets/message.ts'
import { encodeMessage, Publication } from '../../packets/publication.ts'
import type { ClientAccess } from '../access/authorizer.ts'
import type { Broker } from '../broker.ts'
import type { Arrival } from '../from-links.ts'
import type { Admission } from './handshake.ts'
import type { Session } from '../sessions/session.ts'
import { reservedNamespace } from '../sessions/subscription.ts'

export class LinkPeer implements LinkClient {
  readonly clientId: string
  readonly username: string | undefined
  readonly protocolVersion: 3 | 4 | 5
  readonly remoteAddress: string
  readonly certificateCommonName: string | undefined
  readonly #broker: Broker
  readonly #disconnect: LinkClient['disconnect']
  /** Whether it greeted us as a peer, and was answered. */
  isGreeted = false
  /** Whether it was let speak for a peer, greeted or not. */
  isHeard = false
  /** A batch that is not yet taken to its end. */
  arrival: Arrival | undefined
  #session: Session | undefined
  readonly #access: ClientAccess
  #isClosed = false

  constructor(
    broker: Broker,
    disconnect: LinkClient['disconnect'],
    { identity, access }: Pick<Admission, 'identity' | 'access'>,
    remoteAddress: string,
  ) {
    this.#broker = broker
    this.#disconnect = disconnect
    this.#access = access
    this.clientId = identity.clientId
    this.username = identity.username
    this.protocolVersion = identity.protocolVersion
    this.certificateCommonName = identity.certificate?.commonName
    this.remoteAddress = remoteAddress
  }

  /** The client was let in, and has a session: before that it is sent nothing. */
  admitted(session: Session): void {
    this.#session = session
  }

  get brokerIsOpen(): boolean {
    return this.#broker.authenticator.isOpen && this.#broker.authorizer.isOpen
  }

  verdict(action: 'publish' | 'subscribe', topic: string, qos: QoS): ReturnType<LinkClient['verdict']> {
    return this.#access.link(action, topic, qos)
  }

  send(packet: Parameters<LinkClient['send']>[0]): void {
    // The session may go on with another connection, to which none of this is addressed.
    if (this.#isClosed || this.#session === undefined) return
    const { topic, payload, qos, correlationData, responseTopic } = packet
    const nowMs = this.#broker.clock.nowMs()
    const publisher = { clientId: '', username: undefined, peerHost: undefined }
    const bytes = encodeMessage({
      topic,
      payload,
      qos,
      retain: false,
      properties: {
        ...(responseTopic === undefined ? {} : { responseTopic }),
        ...(correlationData === undefined ? {} : { correlationData }),
      },
      from: publisher.clientId,
      username: undefined,
      peerHost: undefined,
      timestampMs: nowMs,
      origin: undefined,
    })
    this.#session.send(Publication.read(topic, bytes, publisher, nowMs, undefined), nowMs)
  }

  disconnect(reasonCode: number, reasonString = ''): void {
    this.#disconnect(reasonCode, reasonString)
  }

  /** The connection is gone. */
  closed(): void {
    this.#isClosed = true
    // It counts as taken, and comes no second time.
    if (this.arrival !== undefined) this.#broker.fromLinks.finish(this.arrival.batch.sender)
    // A session that is kept must not repeat what was said to this connection to the next one.
    this.#session?.unsend((topic) => reservedNamespace(topic) === 'link')
    this.#broker.linkInlet.closed(this)
  }
}
