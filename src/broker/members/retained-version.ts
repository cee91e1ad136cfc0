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

const views = [new PublishView(), new PublishView()] as const

/** @param ms when it was published, milliseconds since 1970 */
export function deletionVersion(ms: number): number {
  return boundedMs(ms) * TIES + DELETION_TIE
}

/** Of a message with a payload. */
export function versionOf(publication: Publication): number {
  const hash = crc32(publication.publisher.clientId, crc32(contentOf(publication, views[0])))
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
  const order =
    Buffer.compare(contentOf(one, views[0]), contentOf(other, views[1])) ||
    Buffer.compare(Buffer.from(one.publisher.clientId), Buffer.from(other.publisher.clientId)) ||
    one.qos - other.qos
  return order > 0
}

/** What no node changes on the way: properties and payload. */
function contentOf(publication: Publication, view: PublishView): Buffer {
  publication.show(view)
  return view.buffer.subarray(view.propertiesStart, view.end)
}

function boundedMs(ms: number): number {
  return ms >= 0 ? Math.min(Math.floor(ms), MS_MAX) : 0
}
