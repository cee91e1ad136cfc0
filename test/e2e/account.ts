/** Numbered messages and what became of them. A stream is one publisher, topic and QoS: within it order holds. */
import assert from 'node:assert/strict'
import type { MqttClient } from 'mqtt'

export type Publishing = {
  /** Resolves when everything published so far is acknowledged. */
  stop(): Promise<void>
}

/** What one subscriber got. */
export type Reader = {
  readonly name: string
  /** Streams that it should get all of. */
  readonly wants: (topic: string) => boolean
  readonly seen: Map<string, Set<number>>
  /** First arrivals that came after a later one of their stream. Repeats after a reconnect are none. */
  readonly outOfOrder: string[]
  arrivals: number
  repeats: number
  /** What came again without being marked as such (DUP), and was published once only: it came twice over the link. */
  readonly doubles: string[]
}

const TICK_MS = 5
/** Publishes of one client that may wait for their acknowledgement: beyond, it waits. */
const UNACKNOWLEDGED_MAX = 200
const DEADLINE_MS = 20_000

export class Account {
  readonly #acknowledged = new Map<string, Set<number>>()
  readonly #arrived = new Set<() => void>()
  /** Not acknowledged when the connection went: their publishers send them again, and what was of QoS 1 may be taken twice. */
  readonly #sentAgain = new Set<string>()

  /** Publishes on these topics in turn, with these QoS in turn, until told to stop. */
  publish(
    client: MqttClient,
    name: string,
    { topics, qos = [1, 2], perSecond }: { topics: readonly string[]; qos?: readonly (0 | 1 | 2)[]; perSecond: number },
    padding = '',
  ): Publishing {
    const next = new Map<string, number>()
    const startedMs = performance.now()
    let published = 0
    let unacknowledged = 0
    let whenIdle: (() => void) | undefined
    const waiting = new Set<string>()
    client.on('close', () => {
      for (const message of waiting) this.#sentAgain.add(message)
    })
    const publishOne = (): void => {
      const topic = topics[published % topics.length] ?? ''
      const level = qos[Math.floor(published / topics.length) % qos.length] ?? 0
      const stream = `${name} ${topic} ${level}`
      const number = next.get(stream) ?? 0
      next.set(stream, number + 1)
      published += 1
      unacknowledged += 1
      const message = `${stream} ${number}`
      waiting.add(message)
      client.publish(topic, `${message} ${padding}`, { qos: level }, (error) => {
        unacknowledged -= 1
        waiting.delete(message)
        if (error === undefined || error === null) if (level > 0) numbersOf(this.#acknowledged, stream).add(number)
        if (unacknowledged === 0) whenIdle?.()
      })
    }
    const timer = setInterval(() => {
      const due = Math.floor(((performance.now() - startedMs) * perSecond) / 1_000)
      for (let left = Math.min(due - published, UNACKNOWLEDGED_MAX - unacknowledged); left > 0; left -= 1) publishOne()
    }, TICK_MS)
    // A test that fails before it stops its publishers must end nevertheless.
    timer.unref()
    return {
      stop: async () => {
        clearInterval(timer)
        if (unacknowledged > 0) await new Promise<void>((resolve) => (whenIdle = resolve))
      },
    }
  }

  /** Reads what the client gets from now on; the caller subscribes. */
  read(client: MqttClient, name: string, wants: Reader['wants'] = () => true): Reader {
    const { reader, take } = this.reader(name, wants)
    client.on('message', take)
    return reader
  }

  /** A reader whatever connections it reads from: its caller hands it what comes. */
  reader(name: string, wants: Reader['wants'] = () => true) {
    const reader: Reader = { name, wants, seen: new Map(), outOfOrder: [], arrivals: 0, repeats: 0, doubles: [] }
    const latest = new Map<string, number>()
    const take = (_topic: string, payload: Buffer, { dup }: { readonly dup: boolean }): void => {
      const [publisher, topic, qos, digits] = payload.toString().split(' ')
      if (digits === undefined) return
      const stream = `${publisher} ${topic} ${qos}`
      const number = Number(digits)
      const seen = numbersOf(reader.seen, stream)
      reader.arrivals += 1
      if (seen.has(number)) {
        reader.repeats += 1
        const message = `${stream} ${number}`
        const isPublishedAgain = qos !== '2' && this.#sentAgain.has(message)
        if (!dup && !isPublishedAgain) reader.doubles.push(message)
      } else if (number < (latest.get(stream) ?? -1)) reader.outOfOrder.push(`${stream}: ${number}`)
      else latest.set(stream, number)
      seen.add(number)
      for (const look of this.#arrived) look()
    }
    return { reader, take }
  }

  /** Resolves when the reader has something that it should get. */
  async someOf({ wants, seen }: Reader): Promise<void> {
    const isThere = (): boolean => [...seen.keys()].some((stream) => wants(stream.split(' ')[1] ?? ''))
    while (!isThere())
      await new Promise<void>((resolve) => {
        const look = (): void => {
          this.#arrived.delete(look)
          resolve()
        }
        this.#arrived.add(look)
      })
  }

  /** Acknowledged messages of QoS 1 and 2 that have not come to this reader. */
  missing({ wants, seen }: Reader): string[] {
    return [...this.#acknowledged].flatMap(([stream, numbers]) =>
      wants(stream.split(' ')[1] ?? '')
        ? Array.from(numbers).flatMap((number) => (seen.get(stream)?.has(number) === true ? [] : `${stream} ${number}`))
        : [],
    )
  }

  /** Resolves when the reader has all that was acknowledged; in order, as far as it was not repeated. */
  async complete(reader: Reader): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const missing = new Set(this.missing(reader))
      const look = (): void => {
        for (const message of missing) {
          const [name, topic, qos, number] = message.split(' ')
          if (reader.seen.get(`${name} ${topic} ${qos}`)?.has(Number(number)) !== true) return
          missing.delete(message)
        }
        clearTimeout(late)
        this.#arrived.delete(look)
        resolve()
      }
      const late = setTimeout(() => {
        this.#arrived.delete(look)
        const lacking = this.missing(reader)
        reject(new Error(`${reader.name} lacks ${lacking.length} messages: ${lacking.slice(0, 10).join(', ')}`))
      }, DEADLINE_MS)
      this.#arrived.add(look)
      look()
    })
    assert.deepEqual(reader.outOfOrder, [], `${reader.name}: in order`)
    assert.ok(reader.arrivals > 0, `${reader.name}: something came`)
  }
}

function numbersOf(streams: Map<string, Set<number>>, stream: string): Set<number> {
  const known = streams.get(stream)
  if (known !== undefined) return known
  const numbers = new Set<number>()
  streams.set(stream, numbers)
  return numbers
}

/** Numbers from 0 to below 1 that a seed repeats. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
