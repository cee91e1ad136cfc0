/**
 * The socket of a link's connection, with messages led past MQTT.js: it makes the connection and minds it (CONNECT, SUBSCRIBE, PINGREQ,
 * what the peer publishes), but PUBLISH packets are written here, each in one piece, and their PUBACKs are read here. So a batch
 * costs one write and one read.
 */
import { Duplex } from 'node:stream'
import { Framer, type PacketHandler } from '../packets/framer.ts'
import { PacketFault, reasonCode } from '../packets/reason-code.ts'
import { encodePublish, type OutgoingPublish } from './publish-packet.ts'
import { publishPacketBytes } from './packet-size.ts'

const PUBACK = 4
const PINGRESP = 13
const pingReq = Buffer.from([0xc0, 0])
/** The largest that MQTT knows (MQTT 5, 2.1.4). */
const PACKET_BYTES_MAX = 268_435_460
/** Of PUBLISH packets. Those above are for what MQTT.js sends. */
export const PACKET_ID_MAX = 65_000
/** What a socket may hold that the system has not taken yet. */
const UNSENT_BYTES_MAX = 65_536
/** An alias and its property. */
const ALIAS_BYTES = 3

type Answered = (code: number) => void
type Done = (error?: Error | null) => void

export class PacketStream extends Duplex implements PacketHandler {
  readonly #socket: Duplex
  readonly #framer = new Framer(this, PACKET_BYTES_MAX)
  readonly #broken: (fault: PacketFault) => void
  readonly #unanswered = new Map<number, Answered>()
  /** Of PINGREQs that were sent here, oldest first. Those of MQTT.js are few, and whose answer is whose does not matter. */
  readonly #pings: (() => void)[] = []
  #lastId = 0
  #packetBytesMax = 0
  /** The topic that has the alias. */
  #aliased: string | undefined

  /** @param broken the peer sent what is no packet: nothing more is read, and the connection is to end */
  constructor(socket: Duplex, broken: (fault: PacketFault) => void) {
    super({ allowHalfOpen: false })
    this.#socket = socket
    this.#broken = broken
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    // Its errors are told by whoever opened it: to MQTT.js they are its end.
    socket.on('close', () => this.destroy())
  }

  get takesMore(): boolean {
    return !this.#socket.writableNeedDrain || this.#socket.writableLength < UNSENT_BYTES_MAX
  }

  /** What the peer takes: from now on one topic may have an alias. */
  allowAlias(packetBytesMax: number): void {
    this.#packetBytesMax = packetBytesMax
  }

  /** @param answered the reason code of the PUBACK, for QoS 1; never called if the connection goes first */
  publish(publish: OutgoingPublish, answered?: Answered): void {
    if (this.destroyed) return
    const packetId = publish.qos === 0 ? 0 : this.#nextId()
    if (packetId > 0) this.#unanswered.set(packetId, answered ?? noMatter)
    const topicAlias = this.#mayAlias(publish) ? 1 : 0
    const topicName = topicAlias > 0 && this.#aliased === publish.topic ? '' : publish.topic
    if (topicAlias > 0) this.#aliased = publish.topic
    const { bytes, isWhole } = encodePublish(publish, topicName, packetId, topicAlias)
    if (isWhole) {
      this.#socket.write(bytes)
      return
    }
    this.#socket.cork()
    this.#socket.write(bytes)
    this.#socket.write(publish.payload)
    this.#socket.uncork()
  }

  /** @param answered a PINGRESP came; never called if the connection goes first */
  ping(answered: () => void): void {
    if (this.destroyed) return
    this.#pings.push(answered)
    this.#socket.write(pingReq)
  }

  #mayAlias({ topic, payload, mayAlias }: OutgoingPublish): boolean {
    if (mayAlias !== true) return false
    if (this.#aliased !== undefined) return this.#aliased === topic
    // The first time it is longer than without.
    return publishPacketBytes(topic, payload.length + ALIAS_BYTES, 1) <= this.#packetBytesMax
  }

  /** Nobody has more unanswered than there are identifiers (`PeerLimits.receiveMaximum`). */
  #nextId(): number {
    do this.#lastId = (this.#lastId % PACKET_ID_MAX) + 1
    while (this.#unanswered.has(this.#lastId))
    return this.#lastId
  }

  // ---- from the peer

  #take(chunk: Buffer): void {
    if (this.destroyed) return
    try {
      this.#framer.push(chunk)
    } catch (error) {
      if (!(error instanceof PacketFault)) throw error
      this.#broken(error)
      this.destroy()
    }
  }

  onPacket(buffer: Buffer, start: number, body: number, end: number): boolean {
    const type = buffer[start]! >> 4
    if (type === PUBACK) this.#answer(buffer, body, end)
    else if (type === PINGRESP && this.#pings.length > 0) this.#pings.shift()?.()
    else if (!this.push(buffer.subarray(start, end))) this.#socket.pause()
    return !this.destroyed
  }

  /** One that nobody waits for is left alone, as MQTT.js does. */
  #answer(buffer: Buffer, body: number, end: number): void {
    if (end - body < 2) throw new PacketFault(reasonCode.malformedPacket, 'PUBACK without a packet identifier')
    const packetId = buffer.readUInt16BE(body)
    const answered = this.#unanswered.get(packetId)
    if (answered === undefined) return
    this.#unanswered.delete(packetId)
    answered(end - body > 2 ? buffer[body + 2]! : reasonCode.success)
  }

  // ---- of MQTT.js: what it writes, and how fast it reads

  override _read(): void {
    if (this.#socket.isPaused()) this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#send(chunk, done)
  }

  /** A packet comes in many pieces: it goes in one, so that no other comes between. */
  override _writev(pieces: readonly { readonly chunk: Buffer }[], done: Done): void {
    this.#send(Buffer.concat(pieces.map(({ chunk }) => chunk)), done)
  }

  #send(bytes: Buffer, done: Done): void {
    this.#socket.write(bytes, () => done())
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#unanswered.clear()
    this.#socket.destroy()
    if (this.#socket.closed) done(error)
    else this.#socket.once('close', () => done(error))
  }
}

function noMatter(): void {
  // Whoever publishes so has nothing to wait for.
}
