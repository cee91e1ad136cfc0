/** Reads the rare packets field by field and believes nothing: each field is of its type and within the packet (MQTT 5, 1.5 and 2.2.2). */
import { isMqttString, tooManyUserProperties, USER_PROPERTIES_MAX } from './publish-view.ts'
import { PacketFault, reasonCode } from './reason-code.ts'

export type PropertyType = 'flag' | 'uint16' | 'uint32' | 'variable' | 'string' | 'binary' | 'pair'
/** The properties that a packet may have, by identifier. A pair may come again and again, the others once. */
export type PropertyTypes = ReadonlyMap<number, PropertyType>

export class PacketCursor {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number

  /** From `start` to `end` of the bytes. */
  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  /** Index of the next byte. */
  get at(): number {
    return this.#at
  }

  get isAtEnd(): boolean {
    return this.#at === this.#end
  }

  byte(): number {
    return this.#bytes[this.#take(1)]!
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#take(2))
  }

  /** A packet identifier, which is never 0 [MQTT-2.2.1-3]. */
  packetId(): number {
    const id = this.uint16()
    if (id === 0) throw malformed('packet identifier 0')
    return id
  }

  string(): string {
    const length = this.uint16()
    const from = this.#take(length)
    if (!isMqttString(this.#bytes, from, from + length)) throw malformed('a string is no UTF-8')
    return this.#bytes.toString('utf8', from, from + length)
  }

  /** Passes over binary data. */
  binary(): void {
    this.#take(this.uint16())
  }

  /** The same for data of so many bytes. */
  binaryOf(length: number): void {
    this.#take(length)
  }

  /** A Variable Byte Integer in as few bytes as it needs [MQTT-1.5.5-1]. */
  variable(): number {
    let value = 0
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.byte()
      value |= (byte & 127) << shift
      if (byte >= 128) continue
      if (byte === 0 && shift > 0) throw malformed('an integer takes more bytes than it needs')
      return value
    }
    throw malformed('a variable byte integer of five bytes')
  }

  /** Passes over the properties, and returns the User Properties among them in their order. */
  properties(types: PropertyTypes): (readonly [name: string, value: string])[] {
    const length = this.variable()
    const from = this.#take(length)
    const within = new PacketCursor(this.#bytes, from, from + length)
    const seen = new Set<number>()
    const pairs: (readonly [string, string])[] = []
    while (!within.isAtEnd) {
      const id = within.byte()
      const type = types.get(id)
      if (type === undefined) throw malformed(`property 0x${id.toString(16)} does not belong here`)
      if (type !== 'pair' && seen.has(id))
        throw new PacketFault(reasonCode.protocolError, `property 0x${id.toString(16)} twice`)
      seen.add(id)
      if (type === 'pair') {
        if (pairs.length >= USER_PROPERTIES_MAX) throw tooManyUserProperties()
        pairs.push([within.string(), within.string()])
      } else within.#value(type)
    }
    return pairs
  }

  /** Nothing may follow. */
  finish(): void {
    if (!this.isAtEnd) throw malformed(`${this.#end - this.#at} bytes too many`)
  }

  #value(type: Exclude<PropertyType, 'pair'>): void {
    switch (type) {
      case 'flag':
        if (this.byte() > 1) throw new PacketFault(reasonCode.protocolError, 'a property that is 0 or 1 is more')
        break
      case 'uint16':
        this.#take(2)
        break
      case 'uint32':
        this.#take(4)
        break
      case 'variable':
        this.variable()
        break
      case 'string':
        this.string()
        break
      case 'binary':
        this.binary()
    }
  }

  #take(length: number): number {
    const from = this.#at
    if (from + length > this.#end) throw malformed('a packet ends too early')
    this.#at = from + length
    return from
  }
}

function malformed(words: string): PacketFault {
  return new PacketFault(reasonCode.malformedPacket, words)
}
