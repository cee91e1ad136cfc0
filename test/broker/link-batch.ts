/** Messages of a peer as the accepting side of a link hands them to the broker. */
import type { Broker } from '../../src/broker/broker.ts'
import type { LinkBatch } from '../../src/link/broker-port.ts'
import type { Message } from '../../src/packets/message.ts'
import { encodeMessage, type Publisher } from '../../src/packets/publication.ts'
import type { PublishView } from '../../src/packets/publish-view.ts'

class MessagesOfPeer implements LinkBatch {
  readonly sender = 'peer/n1'
  readonly origin: string
  readonly isTold: boolean
  readonly isBacklog = false
  readonly #messages: readonly Message[]
  readonly #sentAtMs: number
  #next = 0
  publisher: Publisher = { clientId: '', username: undefined, peerHost: undefined }
  publishedAtMs = 0

  constructor(origin: string, messages: readonly Message[], isTold: boolean, sentAtMs: number) {
    this.origin = origin
    this.#messages = messages
    this.isTold = isTold
    this.#sentAtMs = sentAtMs
  }

  get ageMs(): number {
    return this.#sentAtMs - this.publishedAtMs
  }

  begin(): void {}
  refuse(): void {}

  admits(): boolean {
    return true
  }

  rewind(): void {
    this.#next = 0
  }

  next(view: PublishView): boolean {
    const message = this.#messages[this.#next++]
    if (message === undefined) return false
    this.publisher = { clientId: message.from, username: message.username, peerHost: message.peerHost }
    this.publishedAtMs = message.timestampMs
    const packet = encodeMessage(message)
    let body = 1
    while (packet[body]! >= 128) body += 1
    view.read(packet, 0, body + 1, packet.length, true)
    return true
  }
}

/** Delivers messages of a peer. `told`: because we want their topics now; else they were published just now. */
export function deliverFromPeer(
  broker: Broker,
  peer: string,
  how: 'live' | 'told',
  messages: readonly Message[],
  sentAtMs: number = broker.clock.nowMs(),
): void {
  const arrival = broker.fromLinks.begin(new MessagesOfPeer(peer, messages, how === 'told', sentAtMs), 1)
  if (arrival !== undefined) broker.fromLinks.step(arrival, Number.POSITIVE_INFINITY)
}
