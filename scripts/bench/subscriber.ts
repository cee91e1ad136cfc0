/** The receiving end of a load: acknowledges at once, and knows of each message whether it came, came twice or is missing. */
import assert from 'node:assert/strict'
import { Client, packetType } from './client.ts'
import { type ConnectOptions, type QoS, subscribePacket } from './mqtt-bytes.ts'

const SUBSCRIBE_BATCH = 100

/** The first bytes of each payload, little endian: phase (2), publisher (2), number of the message from this publisher (4). */
export const STAMP_BYTES = 8

export class Subscriber {
  /** Distinct messages of this phase. */
  delivered = 0
  duplicated = 0
  /** Called for each message of whatever phase. */
  onMessage: ((phase: number, sequence: number) => void) | undefined
  afterRead: () => void = () => undefined
  #client: Client | undefined
  #phase = -1
  /** Of each publisher the number that follows the highest seen, and those below it that are still missing. */
  #next: number[] = []
  #missing: Set<number>[] = []

  static async open(
    port: number,
    options: ConnectOptions,
    topics: readonly string[],
    qos: QoS,
    publisherCount: number,
  ): Promise<Subscriber> {
    const subscriber = new Subscriber()
    subscriber.beginPhase(-1, publisherCount)
    const client = await Client.open(port, options, {
      onPublish: (first, bytes, bodyAt) => subscriber.#receive((first >> 1) & 3, bytes, bodyAt),
      onAcknowledgement: (type, packetId) => {
        if (type === packetType.pubrel) client.answer('pubcomp', packetId)
      },
      afterRead: () => subscriber.afterRead(),
    })
    subscriber.#client = client
    for (let index = 0; index < topics.length; index += SUBSCRIBE_BATCH) {
      const suback = client.next(packetType.suback)
      const filters = topics.slice(index, index + SUBSCRIBE_BATCH)
      client.socket.write(subscribePacket(1 + index / SUBSCRIBE_BATCH, filters, qos))
      const codes = (await suback).subarray(2)
      const isGranted = codes.length === filters.length && codes.every((code) => code === qos)
      assert(isGranted, `${options.clientId}: SUBACK ${codes.toString('hex')} for QoS ${qos}`)
    }
    return subscriber
  }

  /** Counts from zero, and only messages that carry this number. */
  beginPhase(phase: number, publisherCount: number): void {
    this.#phase = phase
    this.delivered = this.duplicated = 0
    this.#next = Array.from({ length: publisherCount }, () => 0)
    this.#missing = this.#next.map(() => new Set())
  }

  /**
   * How many messages of a publisher are no longer on their way: all before the last one seen, since a broker keeps a
   * publisher's order. One that it has lost must not stop the loop.
   */
  passed(publisher: number): number {
    return this.#next[publisher]!
  }

  close(): void {
    this.#client?.close()
  }

  #receive(qos: number, bytes: Buffer, bodyAt: number): void {
    let at = bodyAt + 2 + bytes.readUInt16BE(bodyAt)
    if (qos > 0) {
      this.#client!.answer(qos === 1 ? 'puback' : 'pubrec', bytes.readUInt16BE(at))
      at += 2
    }
    const phase = bytes.readUInt16LE(at)
    const sequence = bytes.readUInt32LE(at + 4)
    if (phase === this.#phase) this.#count(bytes.readUInt16LE(at + 2), sequence)
    this.onMessage?.(phase, sequence)
  }

  #count(publisher: number, sequence: number): void {
    const next = this.#next[publisher]!
    if (sequence < next && !this.#missing[publisher]!.delete(sequence)) {
      this.duplicated++
      return
    }
    this.delivered++
    for (let skipped = next; skipped < sequence; skipped++) this.#missing[publisher]!.add(skipped)
    if (sequence >= next) this.#next[publisher] = sequence + 1
  }
}
