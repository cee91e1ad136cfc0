/**
 * Which of two retained messages of a topic is the later one, for all nodes alike: the one that was published later, and of two
 * from the same millisecond the one whose content has the higher hash. A version follows from the message alone, so that it is
 * carried, stored and restored with it; it is a safe integer.
 */
import { crc32 } from 'node:zlib'
import type { Publication } from '../../packets/publication.ts'
import { PublishView } from '../../packets/publish-view.ts'

const TIES = 2048
/** Of two messages of the same millisecond the one that clears the topic wins: nothing comes back. */
const DELETION_TIE = TIES - 1
const MS_MAX = Math.floor(Number.MAX_SAFE_INTEGER / TIES) - 1

const view = new PublishView()
const EXPIRY_BYTES = 4
const nothing = Buffer.alloc(0)

/** @param ms when it was published, milliseconds since 1970 */
export function deletionVersion(ms: number): number {
  return boundedMs(ms) * TIES + DELETION_TIE
}

/** Of a message with a payload. */
export function versionOf(publication: Publication): number {
  const [start, end] = partsOf(publication)
  const hash = crc32(publication.publisher.clientId, crc32(end, crc32(start)))
  return boundedMs(publication.receivedAtMs) * TIES + ((hash + publication.qos) % DELETION_TIE)
}

export function msOf(version: number): number {
  return Math.floor(version / TIES)
}

export function isVersion(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

/** Whether a message is later than another one of the same version. */
export function winsTie(one: Publication, other: Publication): boolean {
  const [start, end] = partsOf(one)
  const [otherStart, otherEnd] = partsOf(other)
  const order =
    Buffer.compare(start, otherStart) ||
    Buffer.compare(end, otherEnd) ||
    Buffer.compare(Buffer.from(one.publisher.clientId), Buffer.from(other.publisher.clientId)) ||
    one.qos - other.qos
  return order > 0
}

/** Properties and payload before and after what is left of the message's life: that alone may be another number elsewhere. */
function partsOf(publication: Publication): readonly [Buffer, Buffer] {
  publication.show(view)
  const { buffer, propertiesStart, messageExpiryAt, end } = view
  if (view.messageExpiryInterval < 0) return [buffer.subarray(propertiesStart, end), nothing]
  const start = buffer.subarray(propertiesStart, messageExpiryAt)
  return [start, buffer.subarray(messageExpiryAt + EXPIRY_BYTES, end)]
}

function boundedMs(ms: number): number {
  return ms >= 0 ? Math.min(Math.floor(ms), MS_MAX) : 0
}
