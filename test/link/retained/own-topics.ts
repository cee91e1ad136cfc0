/** What was retained in a cluster, for tests of who tells of it. */
import { encodeMessage, Publication } from '../../../src/packets/publication.ts'
import type { OwnRetained } from '../../../src/link/broker-port.ts'

const publisher = { clientId: 'p', username: undefined, peerHost: undefined }

export class OwnTopics implements OwnRetained {
  readonly #topics = new Map<string, Publication>()
  /** How many topics were gone through. */
  looked = 0

  /** Clears the topic if there is no payload. */
  set(topic: string, atMs: number, payload: string, messageExpiryInterval?: number): void {
    const bytes = encodeMessage({
      topic,
      payload: Buffer.from(payload),
      qos: 0,
      retain: true,
      properties: messageExpiryInterval === undefined ? undefined : { messageExpiryInterval },
      from: 'p',
      username: undefined,
      peerHost: undefined,
      timestampMs: atMs,
      origin: undefined,
    })
    this.#topics.set(topic, Publication.read(topic, bytes, publisher, atMs, undefined))
  }

  delete(topic: string): void {
    this.#topics.delete(topic)
  }

  *ownRetained(): ReturnType<OwnRetained['ownRetained']> {
    for (const [topic, publication] of this.#topics) {
      this.looked += 1
      yield { topic, atMs: publication.receivedAtMs, isDeleted: publication.payloadLength === 0 }
    }
  }

  ownRetainedOf(topic: string): Publication | undefined {
    return this.#topics.get(topic)
  }
}
