/** The sending end of a load: many messages a write, each stamped with its number, each acknowledgement looked at. */
import assert from 'node:assert/strict'
import { Client, packetType } from './client.ts'
import { type ConnectOptions, publishForm, type QoS } from './mqtt-bytes.ts'
import { STAMP_BYTES } from './subscriber.ts'

/** One PUBLISH for each topic, all of one length, end to end: what publishers copy from. */
export type Ring = {
  readonly bytes: Buffer
  readonly packetBytes: number
  readonly packetIdAt: number
  readonly payloadAt: number
  readonly topicCount: number
  readonly qos: QoS
}

export function makeRing(topics: readonly string[], qos: QoS, payloadBytes: number): Ring {
  assert(payloadBytes >= STAMP_BYTES, `a payload has room for its stamp of ${STAMP_BYTES} bytes`)
  // Filler from a fixed seed that does not compress, the same in every message.
  let random = 12_345
  const filler = Buffer.from(
    Array.from({ length: payloadBytes }, () => (random = (random * 48_271) % 0x7fffffff) & 0xff),
  )
  const forms = topics.map((topic) => publishForm(topic, qos, filler))
  const [first] = forms
  assert(first !== undefined && forms.every(({ bytes }) => bytes.length === first.bytes.length), 'topics of one length')
  const { packetIdAt, payloadAt } = first
  const bytes = Buffer.concat(forms.map((form) => form.bytes))
  return { bytes, packetBytes: first.bytes.length, packetIdAt, payloadAt, topicCount: topics.length, qos }
}

/** Where a packet identifier stands. */
const free = 0
const awaitingFirst = 1
const awaitingPubcomp = 2

export class Publisher {
  /** Messages of this phase: sent, and those that need nothing more of the broker (QoS 0: all). */
  sent = 0
  acknowledged = 0
  /** Acknowledgements of nothing that waits for one. */
  unexpected = 0
  afterRead: () => void = () => undefined
  readonly #index: number
  readonly #ring: Ring
  readonly #states = new Uint8Array(0x10000)
  readonly #spare: Buffer[] = []
  readonly #chunkBytes: number
  #client: Client | undefined
  #packetId = 0
  #phase = -1

  private constructor(index: number, ring: Ring, window: number) {
    this.#index = index
    this.#ring = ring
    this.#chunkBytes = window * ring.packetBytes
  }

  /** @param window messages that one call of `send` is given at most */
  static async open(
    port: number,
    options: ConnectOptions,
    index: number,
    ring: Ring,
    window: number,
  ): Promise<Publisher> {
    const publisher = new Publisher(index, ring, window)
    publisher.#client = await Client.open(port, options, {
      onAcknowledgement: (type, packetId) => publisher.#acknowledge(type, packetId),
      afterRead: () => publisher.afterRead(),
    })
    return publisher
  }

  /** Counts from zero, and stamps what it sends with this number. */
  beginPhase(phase: number): void {
    this.#phase = phase
    this.sent = this.acknowledged = 0
  }

  /** Sends as many messages to topics in turn; each publisher begins with a topic of its own. */
  send(count: number): void {
    const { bytes, packetBytes, topicCount } = this.#ring
    const chunk = this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#chunkBytes)
    const firstTopic = this.#index * 17 + this.sent
    for (let n = 0; n < count; n++) {
      const from = ((firstTopic + n) % topicCount) * packetBytes
      bytes.copy(chunk, n * packetBytes, from, from + packetBytes)
      this.#stamp(chunk, n * packetBytes, this.sent + n)
    }
    this.sent += count
    if (this.#ring.qos === 0) this.acknowledged += count
    this.#client!.socket.write(chunk.subarray(0, count * packetBytes), () => this.#spare.push(chunk))
  }

  /** Sends one message to this topic, numbered as the topic is. */
  sendTo(topic: number): void {
    const { bytes, packetBytes, qos } = this.#ring
    const packet = Buffer.from(bytes.subarray(topic * packetBytes, (topic + 1) * packetBytes))
    this.#stamp(packet, 0, topic)
    this.sent++
    if (qos === 0) this.acknowledged++
    this.#client!.socket.write(packet)
  }

  close(): void {
    this.#client?.close()
  }

  #stamp(chunk: Buffer, at: number, sequence: number): void {
    const { qos, packetIdAt, payloadAt } = this.#ring
    chunk.writeUInt16LE(this.#phase, at + payloadAt)
    chunk.writeUInt16LE(this.#index, at + payloadAt + 2)
    chunk.writeUInt32LE(sequence, at + payloadAt + 4)
    if (qos > 0) chunk.writeUInt16BE(this.#takePacketId(), at + packetIdAt)
  }

  #takePacketId(): number {
    do this.#packetId = this.#packetId === 0xffff ? 1 : this.#packetId + 1
    while (this.#states[this.#packetId] !== free)
    this.#states[this.#packetId] = awaitingFirst
    return this.#packetId
  }

  #acknowledge(type: number, packetId: number): void {
    const state = this.#states[packetId]
    const isFirst = type === (this.#ring.qos === 1 ? packetType.puback : packetType.pubrec)
    if (state === awaitingFirst && isFirst) {
      if (type === packetType.pubrec) {
        this.#states[packetId] = awaitingPubcomp
        this.#client!.answer('pubrel', packetId)
        return
      }
    } else if (state !== awaitingPubcomp || type !== packetType.pubcomp) {
      this.unexpected++
      return
    }
    this.#states[packetId] = free
    this.acknowledged++
  }
}
