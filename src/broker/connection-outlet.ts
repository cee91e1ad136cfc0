/** The sending half of one connection: in which form each packet goes out, and how much may wait for a slow reader. */
import type { PublishForm } from '../packets/publish-form.ts'
import type { PublishView } from '../packets/publish-view.ts'
import type { Broker } from './broker.ts'
import type { ConnectTerms } from './connect.ts'
import { encodeControlPacket, type ServerPacket } from './control-packets.ts'
import { Output, type Sink } from './output.ts'
import type { ProtocolVersion } from './packet-rules.ts'
import type { Outlet } from './session.ts'

/** What an outlet asks of its connection. */
export interface OutletOwner {
  /** Calls `flush` at the end of this turn of the event loop. */
  flushLater(): void
  /** Another connection has come for the session. */
  takenOver(): void
  /** The reader is too slow, and what it has not taken is too much. */
  tooSlow(): void
  /** The socket has taken all that it was given. */
  drained(): void
}

/** How long a connection may hold more unsent bytes than it should, milliseconds. EMQX's `send_timeout`. */
const SEND_TIMEOUT_MS = 15_000

const pingresp = Buffer.from([0xd0, 0])

export class ConnectionOutlet implements Outlet {
  /** What the client speaks, as far as it has said. */
  version: ProtocolVersion = 4
  readonly #broker: Broker
  readonly #transport: Sink
  readonly #owner: OutletOwner
  readonly #output = new Output()
  #terms: ConnectTerms | undefined
  /** Alias of each topic that we set. */
  #aliasesOut: Map<string, number> | undefined
  /** Bytes that the socket holds, as of when it was last asked. */
  #unsent = 0
  /** Since when more bytes wait than may; `undefined` while the reader keeps up. */
  #congestedSinceMs: number | undefined
  #isFlushPending = false
  #isClosed = false

  constructor(broker: Broker, transport: Sink, owner: OutletOwner) {
    this.#broker = broker
    this.#transport = transport
    this.#owner = owner
  }

  /** The client is connected on these terms. */
  accept(terms: ConnectTerms): void {
    this.#terms = terms
  }

  /** Bytes that the client has not taken yet. */
  get unsentBytes(): number {
    return this.#unsent + this.#output.bytes
  }

  /** What was gathered is forgotten, and nothing more goes out. */
  close(): void {
    this.#isClosed = true
    this.#output.clear()
  }

  takenOver(): void {
    this.#owner.takenOver()
  }

  /** Whether the reader has been too slow for too long. */
  isOverdue(steadyMs: number): boolean {
    return this.isCongested && steadyMs - (this.#congestedSinceMs ??= steadyMs) > SEND_TIMEOUT_MS
  }

  publish(view: PublishView, form: PublishForm, exclusive: boolean): boolean {
    const terms = this.#terms!
    form.v5 = this.version === 5
    form.topicAlias = 0
    form.topicAliasKnown = false
    if (terms.topicAliasMaximum > 0) this.#alias(view, form, terms.topicAliasMaximum)
    if (form.keepsBytesOf(view)) {
      const length = view.end - view.start
      if (length > terms.packetBytesMax) return false
      this.#forward(view, form, exclusive, length)
    } else {
      const length = form.lengthOf(view)
      if (length > terms.packetBytesMax) return false
      const { buffer, at } = this.#output.reserve(length)
      form.write(buffer, at, view)
    }
    const { counters } = this.#broker
    counters.publishesSent[form.qos]!++
    counters.payloadBytesSent += view.end - view.payloadStart
    this.#touch()
    return true
  }

  /** The publisher's own bytes, with our flags and packet identifier. */
  #forward(view: PublishView, form: PublishForm, exclusive: boolean, length: number): void {
    const { firstByte } = form
    let { buffer, start } = view
    if (form.qos > 0 || buffer[start] !== firstByte) {
      if (exclusive) this.#output.append(buffer, start, view.end)
      else {
        const room = this.#output.reserve(length)
        view.buffer.copy(room.buffer, room.at, view.start, view.end)
        buffer = room.buffer
        start = room.at
      }
      buffer[start] = firstByte
      if (form.qos > 0) {
        const idAt = start + view.packetIdAt - view.start
        buffer[idAt] = form.packetId >> 8
        buffer[idAt + 1] = form.packetId & 255
      }
    } else this.#output.append(buffer, start, view.end)
  }

  /** The first topics of a connection get an alias, as many as the client takes (MQTT 5, 3.3.2.3.4). */
  #alias(view: PublishView, form: PublishForm, aliasMax: number): void {
    this.#aliasesOut ??= new Map()
    const topic = view.buffer.toString('latin1', view.topicStart, view.topicEnd)
    const alias = this.#aliasesOut.get(topic)
    if (alias !== undefined) {
      form.topicAlias = alias
      form.topicAliasKnown = true
    } else if (this.#aliasesOut.size < aliasMax) {
      form.topicAlias = this.#aliasesOut.size + 1
      // A packet that turns out too large is not sent, and then the client must not be taken to know the alias.
      if (form.lengthOf(view) <= this.#terms!.packetBytesMax) this.#aliasesOut.set(topic, form.topicAlias)
    }
  }

  /** PUBACK, PUBREC, PUBREL or PUBCOMP, by its first byte. */
  acknowledge(firstByte: number, packetId: number, reason: number): void {
    const withReason = reason !== 0 && this.version === 5
    const { buffer, at } = this.#output.reserve(withReason ? 5 : 4)
    buffer[at] = firstByte
    buffer[at + 1] = withReason ? 3 : 2
    buffer[at + 2] = packetId >> 8
    buffer[at + 3] = packetId & 255
    if (withReason) buffer[at + 4] = reason
    this.#broker.counters.packetsSent[firstByte >> 4]!++
    this.#touch()
  }

  pubrel(packetId: number): void {
    this.acknowledge(0x62, packetId, 0)
  }

  pingresp(): void {
    this.#send(pingresp)
  }

  get isCongested(): boolean {
    const limit = this.#broker.mqtt.max_outbound_bytes
    if (this.#unsent + this.#output.bytes <= limit) return false
    // What the socket held when it was last asked may be gone by now.
    this.#unsent = this.#transport.writableLength
    return this.#unsent + this.#output.bytes > limit
  }

  /** Writes what this turn gathered. */
  flush(): void {
    this.#isFlushPending = false
    if (this.#isClosed || this.#output.bytes === 0) return
    if (this.isCongested) {
      this.#congestedSinceMs ??= this.#broker.clock.steadyMs()
      if (this.#unsent + this.#output.bytes > 2 * this.#broker.mqtt.max_outbound_bytes) return this.#owner.tooSlow()
    }
    this.#broker.counters.bytesSent += this.#output.bytes
    this.#output.flush(this.#transport, this.#onWritten)
    this.#unsent = this.#transport.writableLength
  }

  readonly #onWritten = (): void => {
    this.#unsent = this.#transport.writableLength
    if (this.#isClosed || this.isCongested) return
    this.#congestedSinceMs = undefined
    this.#owner.drained()
  }

  /** One of the rare packets. */
  control(packet: ServerPacket): void {
    const bytes = encodeControlPacket(packet, this.version)
    const bytesMax = this.#terms?.packetBytesMax ?? Number.POSITIVE_INFINITY
    // A reason string is left out where the client could not take it [MQTT-3.2.2-19, MQTT-3.14.2-3].
    if (bytes.length > bytesMax && 'properties' in packet)
      this.#send(encodeControlPacket(withoutReasonString(packet), this.version))
    else this.#send(bytes)
  }

  #send(bytes: Buffer): void {
    this.#broker.counters.packetsSent[bytes[0]! >> 4]!++
    this.#output.append(bytes, 0, bytes.length)
    this.#touch()
  }

  #touch(): void {
    if (this.#isFlushPending) return
    this.#isFlushPending = true
    this.#owner.flushLater()
  }
}

function withoutReasonString(packet: ServerPacket): ServerPacket {
  const { reasonString: _, ...properties } = packet.properties ?? {}
  return { ...packet, properties }
}
