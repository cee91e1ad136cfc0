/** The sending half of one connection: in which form each packet goes out, and how much may wait for a slow reader. */
import type { IConnectPacket } from 'mqtt-packet'
import type { PublishForm } from '../../packets/publish-form.ts'
import type { PublishView } from '../../packets/publish-view.ts'
import { reasonCode, refusalWords } from '../../packets/reason-code.ts'
import type { Broker } from '../broker.ts'
import type { DeliveryTraces } from '../traces-port.ts'
import type { Timer } from '../clock.ts'
import type { ClientTap } from '../hooks/client-tap.ts'
import type { ConnectTerms } from './connect.ts'
import { encodeControlPacket, type ServerPacket } from './control-packets.ts'
import { Output, type Sink } from './output.ts'
import type { ProtocolVersion } from './packet-rules.ts'
import type { Outlet } from '../sessions/session.ts'

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
  /** Tells the client why, then closes. */
  disconnect(reason: number, words: string): void
}

const pingresp = Buffer.from([0xd0, 0])
/** How long PUBACKs wait for others to go with, milliseconds, how many of them, and after how many that followed each other so soon. */
const TOGETHER_MS = 5
const TOGETHER_MAX = 16
const IN_ROW_MIN = 8

export class ConnectionOutlet implements Outlet {
  /** What the client speaks, as far as it has said. */
  version: ProtocolVersion = 4
  readonly #broker: Broker
  readonly #transport: Sink
  readonly owner: OutletOwner
  /** PUBLISH packets that went out here. */
  publishCount = 0
  /** Tells hooks of what goes out here, where there are any. */
  tap: ClientTap | undefined
  /** Follows it, where anybody does. */
  traces: DeliveryTraces | undefined
  readonly #output = new Output()
  #terms: ConnectTerms | undefined
  /** Largest packet that the client takes, bytes. */
  #packetBytesMax = Number.POSITIVE_INFINITY
  /** Whether reason strings may be in packets other than CONNACK and DISCONNECT [MQTT-3.1.2-29]. */
  #explains = true
  /** Alias of each topic that we set. */
  #aliasesOut: Map<string, number> | undefined
  /** Bytes that the socket holds, as of when it was last asked. */
  #unsent = 0
  /** Since when more bytes wait than may; `undefined` while the reader keeps up. */
  #congestedSinceMs: number | undefined
  #isFlushPending = false
  #isClosed = false
  /** PUBACKs that wait for others, what ends that, how many came in a row before, and when the last one came, by the steady clock. */
  #together = 0
  #inRow = 0
  #togetherEnds: Timer | undefined
  #togetherAtMs = Number.NEGATIVE_INFINITY

  constructor(broker: Broker, transport: Sink, owner: OutletOwner) {
    this.#broker = broker
    this.#transport = transport
    this.owner = owner
  }

  /** What the client asks of all that it is sent, a refusal of its CONNECT included. */
  heed({ maximumPacketSize, requestProblemInformation }: NonNullable<IConnectPacket['properties']> = {}): void {
    if (maximumPacketSize !== undefined && maximumPacketSize > 0) this.#packetBytesMax = maximumPacketSize
    this.#explains = requestProblemInformation !== false
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
    this.#togetherEnds?.cancel()
    this.#output.clear()
  }

  takenOver(): void {
    this.owner.takenOver()
  }

  /** Whether the reader has been too slow for longer than this. */
  isOverdue(steadyMs: number, sendTimeoutMs: number): boolean {
    return this.isCongested && steadyMs - (this.#congestedSinceMs ??= steadyMs) > sendTimeoutMs
  }

  publish(view: PublishView, form: PublishForm, exclusive: boolean): boolean {
    const terms = this.#terms!
    form.v5 = this.version === 5
    form.topicAlias = 0
    form.topicAliasKnown = false
    if (terms.topicAliasMaximum > 0) this.#alias(view, form, terms.topicAliasMaximum)
    if (form.keepsBytesOf(view)) {
      const length = view.end - view.start
      if (length > this.#packetBytesMax) return false
      this.#forward(view, form, exclusive, length)
    } else {
      const length = form.lengthOf(view)
      if (length > this.#packetBytesMax) return false
      const { buffer, at } = this.#output.reserve(length)
      form.write(buffer, at, view)
    }
    const { counters } = this.#broker
    counters.publishesSent[form.qos]!++
    counters.payloadBytesSent += view.end - view.payloadStart
    this.publishCount++
    this.tap?.sent(view, form)
    this.traces?.sent(view, form)
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
      if (form.lengthOf(view) <= this.#packetBytesMax) this.#aliasesOut.set(topic, form.topicAlias)
    }
  }

  /** PUBACK, PUBREC, PUBREL or PUBCOMP, by its first byte. */
  acknowledge(firstByte: number, packetId: number, reason: number): void {
    this.#acknowledge(firstByte, packetId, reason)
    this.#touch()
  }

  /**
   * PUBACK to a client that sends on without it: while one comes soon after the other, they wait a moment and share a write here, and a
   * read there.
   */
  pubackTogether(packetId: number): void {
    const { clock, mqtt } = this.#broker
    const steadyMs = clock.steadyMs()
    this.#inRow = steadyMs - this.#togetherAtMs < TOGETHER_MS ? this.#inRow + 1 : 0
    this.#togetherAtMs = steadyMs
    this.#acknowledge(0x40, packetId, 0)
    this.#together += 1
    // Well below what the client may send on without.
    if (this.#inRow < IN_ROW_MIN || this.#together >= Math.min(TOGETHER_MAX, mqtt.max_awaiting_rel / 2))
      return this.#touch()
    this.#togetherEnds ??= clock.after(TOGETHER_MS, () => {
      this.#togetherEnds = undefined
      if (this.#together > 0) this.#touch()
    })
  }

  #acknowledge(firstByte: number, packetId: number, reason: number): void {
    const withReason = reason !== 0 && this.version === 5
    if (withReason && reason >= 0x80 && firstByte < 0x60 && this.#explainRefusal(firstByte, packetId, reason)) return
    const { buffer, at } = this.#output.reserve(withReason ? 5 : 4)
    buffer[at] = firstByte
    buffer[at + 1] = withReason ? 3 : 2
    buffer[at + 2] = packetId >> 8
    buffer[at + 3] = packetId & 255
    if (withReason) buffer[at + 4] = reason
    this.#broker.counters.packetsSent[firstByte >> 4]!++
  }

  /** PUBACK or PUBREC that says in words why. Returns false where the client wants none or can't take them [MQTT-3.4.2-2]. */
  #explainRefusal(firstByte: number, packetId: number, reason: number): boolean {
    const words = Buffer.from(refusalWords(reason))
    const properties = 3 + words.length
    if (!this.#explains || 6 + properties > this.#packetBytesMax) return false
    const head = [firstByte, 4 + properties, packetId >> 8, packetId & 255, reason, properties, 0x1f, 0, words.length]
    this.#send(Buffer.concat([Buffer.from(head), words]))
    return true
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
    this.#together = 0
    if (this.#isClosed || this.#output.bytes === 0) return
    if (this.isCongested) {
      this.#congestedSinceMs ??= this.#broker.clock.steadyMs()
      if (this.#unsent + this.#output.bytes > 2 * this.#broker.mqtt.max_outbound_bytes) return this.owner.tooSlow()
    }
    this.#broker.counters.bytesSent += this.#output.bytes
    this.#output.flush(this.#transport, this.#onWritten)
    this.#unsent = this.#transport.writableLength
  }

  readonly #onWritten = (): void => {
    this.#unsent = this.#transport.writableLength
    if (this.#isClosed || this.isCongested) return
    this.#congestedSinceMs = undefined
    this.owner.drained()
  }

  /** One of the rare packets. One that the client can't take is not sent [MQTT-3.1.2-24]. */
  control(packet: ServerPacket): void {
    let bytes = encodeControlPacket(packet, this.version)
    const mustBeShort = !this.#explains && packet.cmd !== 'connack' && packet.cmd !== 'disconnect'
    // Only a reason string may be left out [MQTT-3.2.2-19, MQTT-3.9.2-1, MQTT-3.14.2-3].
    if (mustBeShort || bytes.length > this.#packetBytesMax)
      bytes = encodeControlPacket(withoutReasonString(packet), this.version)
    if (bytes.length <= this.#packetBytesMax) this.#send(bytes)
    // It waits for an answer that it will not get.
    else if (packet.cmd === 'suback' || packet.cmd === 'unsuback')
      this.owner.disconnect(reasonCode.packetTooLarge, `the answer has ${bytes.length} bytes, too many for you`)
  }

  #send(bytes: Buffer): void {
    this.#broker.counters.packetsSent[bytes[0]! >> 4]!++
    this.#output.append(bytes, 0, bytes.length)
    this.#touch()
  }

  #touch(): void {
    if (this.#isFlushPending) return
    this.#isFlushPending = true
    this.owner.flushLater()
  }
}

function withoutReasonString(packet: ServerPacket): ServerPacket {
  if (packet.properties?.reasonString === undefined) return packet
  const { reasonString: _, ...properties } = packet.properties ?? {}
  return { ...packet, properties }
}
