/**
 * A PUBLISH read in place (MQTT 3.1.1 and 5.0, section 3.3): offsets into the bytes of the read, no copies, no strings.
 * One view serves packet after packet, so nothing may keep it; what is to be kept is made into a `Publication`.
 */
import { isUtf8 } from 'node:buffer'
import type { QoS } from './message.ts'
import { PacketFault, reasonCode } from './reason-code.ts'

/** Property identifiers of PUBLISH (MQTT 5, 2.2.2.2). */
export const property = {
  payloadFormatIndicator: 0x01,
  messageExpiryInterval: 0x02,
  contentType: 0x03,
  responseTopic: 0x08,
  correlationData: 0x09,
  subscriptionIdentifier: 0x0b,
  topicAlias: 0x23,
  userProperty: 0x26,
} as const

export class PublishView {
  buffer: Buffer = Buffer.alloc(0)
  /** First byte of the packet. */
  start = 0
  /** Index after the packet's last byte. */
  end = 0
  qos: QoS = 0
  dup = false
  retain = false
  topicStart = 0
  topicEnd = 0
  /** Where the packet identifier stands, and its value; both 0 at QoS 0. */
  packetIdAt = 0
  packetId = 0
  /** Properties without their length, empty for MQTT 3.1.1. */
  propertiesStart = 0
  propertiesEnd = 0
  payloadStart = 0
  /** Whether these are the bytes of an MQTT 5 packet. */
  v5 = false
  /** 0: none. */
  topicAlias = 0
  /** Index of the alias property's identifier byte; meaningless without an alias. */
  topicAliasAt = 0
  /** Seconds; -1: none. */
  messageExpiryInterval = -1
  /** Whether the publisher calls the payload UTF-8. */
  isTextPayload = false
  /** Index of the expiry's four bytes; meaningless without an expiry. */
  messageExpiryAt = 0

  /** Reads the packet at `start`, whose body runs from `body` to `end`. Throws `PacketFault`. */
  read(buffer: Buffer, start: number, body: number, end: number, v5: boolean): void {
    const flags = buffer[start]! & 15
    const qos = (flags >> 1) & 3
    if (qos === 3) throw new PacketFault(reasonCode.malformedPacket, 'PUBLISH with both QoS bits set') // [MQTT-3.3.1-4]
    if (qos === 0 && flags & 8) throw new PacketFault(reasonCode.malformedPacket, 'PUBLISH of QoS 0 with DUP set') // [MQTT-3.3.1-2]
    this.buffer = buffer
    this.start = start
    this.end = end
    this.qos = qos as QoS
    this.dup = (flags & 8) !== 0
    this.retain = (flags & 1) !== 0
    this.v5 = v5
    let at = body + 2
    if (at > end) throw truncated()
    this.topicStart = at
    at += (buffer[body]! << 8) | buffer[body + 1]!
    this.topicEnd = at
    if (qos > 0) {
      if (at + 2 > end) throw truncated()
      this.packetIdAt = at
      this.packetId = (buffer[at]! << 8) | buffer[at + 1]!
      if (this.packetId === 0) throw new PacketFault(reasonCode.malformedPacket, 'packet identifier 0') // [MQTT-2.2.1-3]
      at += 2
    } else {
      this.packetIdAt = 0
      this.packetId = 0
    }
    if (at > end) throw truncated()
    this.topicAlias = 0
    this.messageExpiryInterval = -1
    this.isTextPayload = false
    if (v5) {
      if (at >= end) throw truncated()
      const length = buffer[at]!
      if (length === 0) {
        this.propertiesStart = this.propertiesEnd = this.payloadStart = at + 1
      } else this.#readProperties(at, end)
    } else this.propertiesStart = this.propertiesEnd = this.payloadStart = at
  }

  get topicLength(): number {
    return this.topicEnd - this.topicStart
  }

  /** Whether the payload is UTF-8 if its publisher calls it that (MQTT 5, 3.3.2.3.2). U+0000 may be in it. */
  get isPayloadAsIndicated(): boolean {
    return !this.isTextPayload || isUtf8(this.buffer.subarray(this.payloadStart, this.end))
  }

  #readProperties(at: number, end: number): void {
    const { buffer } = this
    let length = 0
    let shift = 0
    let byte: number
    do {
      if (at >= end || shift > 21) throw truncated()
      byte = buffer[at++]!
      length |= (byte & 127) << shift
      shift += 7
    } while (byte >= 128)
    if (byte === 0 && shift > 7)
      throw new PacketFault(reasonCode.malformedPacket, 'property length takes more bytes than it needs') // [MQTT-1.5.5-1]
    this.propertiesStart = at
    this.propertiesEnd = this.payloadStart = at + length
    if (at + length > end) throw truncated()
    let seen = 0
    let pairs = 0
    while (at < this.propertiesEnd) {
      const id = buffer[at]!
      if (id !== property.userProperty) {
        // Only Topic Alias (35) shares its low five bits with another identifier of PUBLISH, Content Type (3).
        const bit = id === property.topicAlias ? 1 << 30 : 1 << (id & 31)
        if (seen & bit) throw new PacketFault(reasonCode.protocolError, `PUBLISH property 0x${id.toString(16)} twice`)
        seen |= bit
      } else if (++pairs > USER_PROPERTIES_MAX) throw tooManyUserProperties()
      at = this.#readProperty(id, at + 1)
      if (at > this.propertiesEnd) throw truncated()
    }
  }

  /** Reads the value at `at` of one property, returns the index after it. */
  #readProperty(id: number, at: number): number {
    const { buffer, propertiesEnd: end } = this
    switch (id) {
      case property.payloadFormatIndicator:
        if (at < end && buffer[at]! > 1)
          throw new PacketFault(reasonCode.protocolError, 'Payload Format Indicator above 1')
        this.isTextPayload = buffer[at] === 1
        return at + 1
      case property.messageExpiryInterval:
        if (at + 4 <= end) this.messageExpiryInterval = buffer.readUInt32BE(at)
        this.messageExpiryAt = at
        return at + 4
      case property.contentType:
        return this.#readString(at)
      case property.responseTopic: {
        const next = this.#readString(at)
        for (let i = at + 2; i < next; i++)
          if (buffer[i] === 0x23 || buffer[i] === 0x2b)
            throw new PacketFault(reasonCode.topicNameInvalid, 'Response Topic with a wildcard') // [MQTT-3.3.2-14]
        return next
      }
      case property.correlationData:
        if (at + 2 > end) throw truncated()
        return at + 2 + buffer.readUInt16BE(at)
      case property.topicAlias:
        if (at + 2 > end) throw truncated()
        this.topicAlias = buffer.readUInt16BE(at)
        this.topicAliasAt = at - 1
        if (this.topicAlias === 0) throw new PacketFault(reasonCode.topicAliasInvalid, 'Topic Alias 0') // [MQTT-3.3.2-8]
        return at + 2
      case property.userProperty:
        return this.#readString(this.#readString(at))
      case property.subscriptionIdentifier:
        throw new PacketFault(reasonCode.protocolError, 'PUBLISH from a client with a Subscription Identifier') // [MQTT-3.3.4-6]
      default:
        throw new PacketFault(reasonCode.malformedPacket, `PUBLISH with property 0x${id.toString(16)}`)
    }
  }

  #readString(at: number): number {
    const { buffer, propertiesEnd: end } = this
    if (at + 2 > end) throw truncated()
    const next = at + 2 + buffer.readUInt16BE(at)
    if (next > end) throw truncated()
    if (!isMqttString(buffer, at + 2, next))
      throw new PacketFault(reasonCode.malformedPacket, 'PUBLISH property is no UTF-8')
    return next
  }
}

/** More than anybody sends. Hundreds of thousands would fit a packet, and reading them would hold up everybody else. */
export const USER_PROPERTIES_MAX = 1000

export function tooManyUserProperties(): PacketFault {
  return new PacketFault(reasonCode.quotaExceeded, `more than ${USER_PROPERTIES_MAX} User Properties`)
}

/** Whether the bytes are a UTF-8 string as MQTT allows it: well-formed, no surrogates, no U+0000 [MQTT-1.5.4-1, -2]. */
export function isMqttString(bytes: Buffer, start: number, end: number): boolean {
  const string = bytes.subarray(start, end)
  return isUtf8(string) && !string.includes(0)
}

function truncated(): PacketFault {
  return new PacketFault(reasonCode.malformedPacket, 'PUBLISH ends too early')
}
