/**
 * Which messages have come to a session that has just moved. For a moment both nodes get what is published for it, the old one hands
 * its copies on, and of each message only the first copy counts, whichever way it came.
 */
import { crc32 } from 'node:zlib'
import type { Publication } from '../../packets/publication.ts'
import { PublishView } from '../../packets/publish-view.ts'

/** Beyond so many different messages all count. */
const KEYS_MAX = 20_000

const view = new PublishView()

export class Arrivals {
  /** By key: how many more were routed here than the other node has handed on. */
  readonly #lead = new Map<string, number>()

  /** Whether a message that was routed here is the first copy. */
  isFirst(publication: Publication): boolean {
    return this.#count(keyOf(publication), 1)
  }

  /** Whether one that the other node hands on is the first copy. */
  isFirstLate(publication: Publication): boolean {
    return this.#count(keyOf(publication), -1)
  }

  #count(key: string, step: 1 | -1): boolean {
    const lead = this.#lead.get(key) ?? 0
    if (lead === 0 && this.#lead.size >= KEYS_MAX) return true
    if (lead + step === 0) this.#lead.delete(key)
    else this.#lead.set(key, lead + step)
    return lead * step >= 0
  }
}

/** One publisher seldom sends the same twice within a millisecond, and if it does, the copies are counted. */
function keyOf(publication: Publication): string {
  publication.show(view)
  const { buffer, payloadStart, end } = view
  const { topic, publisher, receivedAtMs } = publication
  const payload = crc32(buffer.subarray(payloadStart, end))
  return `${receivedAtMs} ${end - payloadStart} ${payload} ${publisher.clientId} ${topic}`
}
