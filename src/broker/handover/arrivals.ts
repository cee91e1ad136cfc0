/**
 * Which messages have come to a session that has just moved, and in which order. For a moment both nodes get what is published for it,
 * and the old one hands its copies on; it may have got what was published before. So what is routed here waits until the old node
 * hands on its copy or ends, and of each message only one copy counts, whichever way it came.
 */
import { crc32 } from 'node:zlib'
import type { Publication } from '../../packets/publication.ts'
import { PublishView } from '../../packets/publish-view.ts'
import type { Queued } from '../sessions/queue.ts'

/** Beyond so many different messages all count, and none waits. */
const KEYS_MAX = 20_000

const view = new PublishView()

export class Arrivals {
  /** By key: how many more were routed here than the other node has handed on. */
  readonly #lead = new Map<string, number>()
  /** Those that wait, by key, in order; `undefined` when the old node hands on nothing any more. */
  #held: Map<string, Queued[]> | undefined = new Map()

  /**
   * Whether a message that was routed here goes to the client now. Else it was handed on already, or it waits.
   * @param held makes what waits
   */
  goesNow(publication: Publication, held: () => Queued): boolean {
    const key = keyOf(publication)
    const isFull = this.#lead.size >= KEYS_MAX
    if (!this.#count(key, 1)) return false
    if (this.#held === undefined || isFull) return true
    const alike = this.#held.get(key)
    if (alike === undefined) this.#held.set(key, [held()])
    else alike.push(held())
    return false
  }

  /** One that the other node hands on: what goes to the client for it, if anything does. `first`: that copy. */
  late(publication: Publication): Queued | 'first' | undefined {
    const key = keyOf(publication)
    const isFirst = this.#count(key, -1)
    const alike = this.#held?.get(key)
    const held = alike?.shift()
    if (alike?.length === 0) this.#held?.delete(key)
    return held ?? (isFirst ? 'first' : undefined)
  }

  /** Nothing is handed on any more. Returns what waited, in order. */
  end(): Queued[] {
    const held = [...this.held()]
    this.#held = undefined
    return held
  }

  *held(): Iterable<Queued> {
    for (const alike of this.#held?.values() ?? []) yield* alike
  }

  /** Puts another in the place of each one that waits. */
  replace(other: (queued: Queued) => Queued): void {
    for (const [key, alike] of this.#held ?? []) this.#held?.set(key, alike.map(other))
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
