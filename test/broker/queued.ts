/** Messages on their way to a session, for tests of what holds them. */
import type { Queued } from '../../src/broker/sessions/queue.ts'
import { encodeMessage, Publication } from '../../src/packets/publication.ts'

const publisher = { clientId: 'c', username: undefined, peerHost: undefined }

export function queued(topic: string, parts: Partial<Queued> = {}): Queued {
  const bytes = encodeMessage({
    topic,
    payload: Buffer.alloc(0),
    qos: parts.qos ?? 0,
    retain: false,
    properties: undefined,
    from: publisher.clientId,
    username: undefined,
    peerHost: undefined,
    timestampMs: 0,
    origin: undefined,
  })
  const publication = Publication.read(topic, bytes, publisher, 0, undefined)
  return { publication, qos: 0, retain: false, subscriptionIdentifiers: [], group: undefined, ...parts }
}
