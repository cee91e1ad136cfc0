/**
 * The account of a soak: of numbered messages, which were acknowledged to their publisher, and which came to whom. It stays small
 * however long it runs: of a stream without gaps it keeps one number. Pure.
 */

/** One publisher's messages of one QoS, numbered from 0. Of QoS 0, which promises nothing, there is no account. */
export type Stream = { readonly publisher: string; readonly qos: 1 | 2 }

export type AccountSummary = {
  /** To their publishers. */
  readonly acknowledged: number
  /** Of these, once for each reader that is to have it. */
  readonly due: number
  /** Of those that are due. */
  readonly delivered: number
  readonly lost: number
  /** Arrivals beyond the first of a message at a reader. */
  readonly doubled: number
}

export type ReaderFacts = {
  readonly name: string
  /** Of which it is to have everything. */
  readonly publishers: ReadonlySet<string>
}

export class Account {
  readonly #acknowledged: Streams = new Map()
  readonly #readers: Map<string, Reader>

  constructor(readers: readonly ReaderFacts[]) {
    this.#readers = new Map(readers.map((facts) => [facts.name, { ...facts, seen: new Map(), doubled: 0 }]))
  }

  acknowledged(stream: Stream, number: number): void {
    numbersOf(this.#acknowledged, stream).add(number)
  }

  arrived(reader: string, stream: Stream, number: number): void {
    const found = this.#readers.get(reader)
    if (found !== undefined && !numbersOf(found.seen, stream).add(number)) found.doubled++
  }

  /**
   * What of all up to some number, which is not among them, is not acknowledged yet, or not with everybody who is to have it.
   * @param numbers by publisher, the same for both QoS
   */
  unsettled(numbers: ReadonlyMap<string, number>): string[] {
    return [...numbers].flatMap(([publisher, number]) =>
      ([1, 2] as const).flatMap((qos) => {
        const key = keyOf({ publisher, qos })
        const isBehind = (streams: Streams): boolean => (streams.get(key)?.below ?? 0) < number
        const readers = this.#readersOf(publisher).filter(({ seen }) => isBehind(seen))
        return [
          ...(isBehind(this.#acknowledged) ? [`${key} ${number - 1} is not acknowledged`] : []),
          ...readers.map(({ name }) => `${name} lacks ${key} ${number - 1}`),
        ]
      }),
    )
  }

  /** What was acknowledged and is due at some reader and has not come, so many at most: `READER lacks PUBLISHER QOS NUMBER`. */
  missing(max: number): string[] {
    const found: string[] = []
    for (const { reader, key, number } of this.#missing()) {
      if (found.length === max) break
      found.push(`${reader} lacks ${key} ${number}`)
    }
    return found
  }

  summary(): AccountSummary {
    let acknowledged = 0
    let due = 0
    for (const [key, { count }] of this.#acknowledged) {
      acknowledged += count
      due += count * this.#readersOf(publisherIn(key)).length
    }
    let lost = 0
    for (const _ of this.#missing()) lost++
    let doubled = 0
    for (const reader of this.#readers.values()) doubled += reader.doubled
    return { acknowledged, due, delivered: due - lost, lost, doubled }
  }

  *#missing() {
    for (const [key, acknowledged] of this.#acknowledged)
      for (const { name, seen } of this.#readersOf(publisherIn(key))) {
        const arrived = seen.get(key)
        for (let number = arrived?.below ?? 0; number < acknowledged.end; number++)
          if (acknowledged.has(number) && arrived?.has(number) !== true) yield { reader: name, key, number }
      }
  }

  #readersOf(publisher: string): Reader[] {
    return [...this.#readers.values()].filter(({ publishers }) => publishers.has(publisher))
  }
}

type Streams = Map<string, Numbers>

type Reader = ReaderFacts & { readonly seen: Streams; doubled: number }

/** A set of numbers that is nearly all of those below some number. */
class Numbers {
  /** All below are in it, and this one is not. */
  below = 0
  /** Follows the highest one. */
  end = 0
  readonly #above = new Set<number>()

  get count(): number {
    return this.below + this.#above.size
  }

  /** `false` if it was in it before. */
  add(number: number): boolean {
    if (this.has(number)) return false
    this.#above.add(number)
    this.end = Math.max(this.end, number + 1)
    while (this.#above.delete(this.below)) this.below++
    return true
  }

  has(number: number): boolean {
    return number < this.below || this.#above.has(number)
  }
}

function numbersOf(streams: Streams, stream: Stream): Numbers {
  const key = keyOf(stream)
  const known = streams.get(key)
  if (known !== undefined) return known
  const numbers = new Numbers()
  streams.set(key, numbers)
  return numbers
}

function keyOf({ publisher, qos }: Stream): string {
  return `${publisher} ${qos}`
}

function publisherIn(key: string): string {
  return key.slice(0, key.lastIndexOf(' '))
}
