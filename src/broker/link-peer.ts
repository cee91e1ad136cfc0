/** A connection that speaks `$LINK/#`, as the inbound side of links sees it. */
import type { LinkClient } from '../link/broker-port.ts'
import { encodeMessage, Publication } from '../packets/publication.ts'
import type { Broker } from './broker.ts'
import type { ConnectTerms } from './connect.ts'
import type { Session } from './session.ts'
import { reservedNamespace } from './subscription.ts'

export class LinkPeer implements LinkClient {
  readonly clientId: string
  readonly username: string | undefined
  readonly protocolVersion: 3 | 4 | 5
  readonly remoteAddress: string
  readonly #broker: Broker
  readonly #disconnect: LinkClient['disconnect']
  readonly #session: Session
  #isClosed = false

  constructor(
    broker: Broker,
    disconnect: LinkClient['disconnect'],
    session: Session,
    terms: ConnectTerms,
    remoteAddress: string,
  ) {
    this.#broker = broker
    this.#disconnect = disconnect
    this.#session = session
    this.clientId = terms.clientId
    this.username = terms.username
    this.protocolVersion = terms.version
    this.remoteAddress = remoteAddress
  }

  send(packet: Parameters<LinkClient['send']>[0]): void {
    // The session may go on with another connection, to which none of this is addressed.
    if (this.#isClosed) return
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
    // A session that is kept must not repeat what was said to this connection to the next one.
    this.#session.unsend((topic) => reservedNamespace(topic) === 'link')
    this.#broker.linkInlet.closed(this)
  }
}
