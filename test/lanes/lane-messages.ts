/** Messages as the broker hands them to a lane. */
import fc from 'fast-check'
import type { Directive, LaneMessage } from '../../src/lanes/batches/batch-writer.ts'
import type { QoS } from '../../src/packets/message.ts'
import { encodeMessage, type Publication, type Publisher } from '../../src/packets/publication.ts'
import type { PublishView } from '../../src/packets/publish-view.ts'
import { published, viewOf } from '../packets/publishes.ts'

export const plain: Directive = { plain: true, groups: [] }

export type Given = { readonly message: LaneMessage; readonly directive: Directive }

const name = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 12 }), fc.string({ maxLength: 400 }))
const optionalName = fc.option(name, { nil: undefined })
const publisher: fc.Arbitrary<Publisher> = fc.record(
  { clientId: name, username: optionalName, peerHost: optionalName },
  { noNullPrototype: true },
)

export const directive: fc.Arbitrary<Directive> = fc.record(
  { plain: fc.boolean(), groups: fc.array(fc.oneof(fc.constantFrom('g/a', 'g/b/#'), name), { maxLength: 3 }) },
  { noNullPrototype: true },
)

/** A batch's worth: a few publishers, each of whom sends several messages, some in the same millisecond. */
export const given: fc.Arbitrary<Given[]> = fc
  .tuple(
    fc.array(publisher, { minLength: 1, maxLength: 3 }),
    fc.array(directive, { minLength: 1, maxLength: 3 }),
    fc.array(fc.tuple(published, fc.nat(2), fc.nat(2), fc.nat(2), fc.maxSafeNat(), fc.nat(0xffffffff), fc.boolean()), {
      maxLength: 12,
    }),
  )
  .map(([publishers, directives, rows]) =>
    rows.map(([{ bytes, version }, who, how, when, anyMs, expirySeconds, isFromFar]) => ({
      message: {
        view: viewOf(bytes, version),
        publisher: publishers[who % publishers.length]!,
        nowMs: when === 0 ? anyMs % 2 ** 50 : 1_790_000_000_000 + when,
        expirySeconds,
        origin: isFromFar ? `far-${when}` : undefined,
      },
      directive: directives[how % directives.length]!,
    })),
  )

/** One message with a text in it. */
export function messageOf(text: string, qos: QoS, publisher: Publisher, nowMs = 1_790_000_000_000): LaneMessage {
  const message = { topic: 't', payload: Buffer.from(text), qos, retain: false, properties: undefined }
  const { clientId: from, username, peerHost } = publisher
  const bytes = encodeMessage({ ...message, from, username, peerHost, timestampMs: nowMs, origin: undefined })
  return { view: viewOf(bytes, 5), publisher, nowMs, expirySeconds: 0, origin: undefined }
}

export function textOf(publication: Publication): string {
  return publication.toMessage().payload.toString()
}

export const somebody: Publisher = { clientId: 'c', username: undefined, peerHost: '127.0.0.1' }

/** The bytes that a lane is to carry: the packet without DUP, with what is left of its life. */
export function carried(view: PublishView, expirySeconds: number): Buffer {
  const bytes = Buffer.from(view.buffer.subarray(view.start, view.end))
  bytes[0] = bytes[0]! & ~8
  if (view.messageExpiryInterval >= 0) bytes.writeUInt32BE(expirySeconds, view.messageExpiryAt - view.start)
  return bytes
}
