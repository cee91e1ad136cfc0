/** The bytes of MQTT 3.1.1 that a load generator needs, made and read without an object a message. */

export type ConnectOptions = {
  readonly clientId: string
  readonly username: string
  /** Whether the session outlives the connection (`clean session` 0). */
  readonly isKept: boolean
}

export function connectPacket({ clientId, username, isKept }: ConnectOptions): Buffer {
  const keepAliveSeconds = 300
  const flags = 0x80 | (isKept ? 0 : 0x02)
  return packet(0x10, text('MQTT'), Buffer.from([4, flags]), uint16(keepAliveSeconds), text(clientId), text(username))
}

export function subscribePacket(packetId: number, topicFilters: readonly string[], qos: number): Buffer {
  return packet(0x82, uint16(packetId), ...topicFilters.flatMap((filter) => [text(filter), Buffer.from([qos])]))
}

export function unsubscribePacket(packetId: number, topicFilters: readonly string[]): Buffer {
  return packet(0xa2, uint16(packetId), ...topicFilters.map(text))
}

export const PINGREQ = Buffer.from([0xc0, 0])
export const DISCONNECT = Buffer.from([0xe0, 0])

export type QoS = 0 | 1 | 2

/** A PUBLISH with room for a payload, and where in it the packet identifier (QoS > 0) and the payload stand. */
export type PublishForm = { readonly bytes: Buffer; readonly packetIdAt: number; readonly payloadAt: number }

export function publishForm(topic: string, qos: QoS, payload: Buffer): PublishForm {
  const bytes = packet(0x30 | (qos << 1), text(topic), qos > 0 ? uint16(0) : Buffer.alloc(0), payload)
  const payloadAt = bytes.length - payload.length
  return { bytes, packetIdAt: payloadAt - 2, payloadAt }
}

/** `type` is the first byte's upper half; the body is `bytes` from `bodyAt` to `end`, valid during the call only. */
export type OnPacket = (type: number, first: number, bytes: Buffer, bodyAt: number, end: number) => void

/** Returns a function that takes chunks of a stream as they come and calls back with each packet. */
export function packetWalker(onPacket: OnPacket): (chunk: Uint8Array, length: number) => void {
  let held = Buffer.allocUnsafeSlow(256 * 1024)
  let heldBytes = 0
  return (chunk, length) => {
    if (heldBytes + length > held.length) {
      const larger = Buffer.allocUnsafeSlow(2 * (heldBytes + length))
      held.copy(larger, 0, 0, heldBytes)
      held = larger
    }
    held.set(length === chunk.length ? chunk : chunk.subarray(0, length), heldBytes)
    heldBytes += length
    let at = 0
    while (heldBytes - at >= 2) {
      let bodyAt = at + 1
      let bodyBytes = 0
      let more = true
      for (let shift = 0; more && bodyAt < heldBytes; shift += 7) {
        const byte = held[bodyAt++] ?? 0
        bodyBytes |= (byte & 0x7f) << shift
        more = byte > 0x7f
      }
      const end = bodyAt + bodyBytes
      if (more || end > heldBytes) break
      const first = held[at] ?? 0
      onPacket(first >> 4, first, held, bodyAt, end)
      at = end
    }
    held.copyWithin(0, at, heldBytes)
    heldBytes -= at
  }
}

function packet(first: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const length: number[] = []
  for (let rest = body.length; length.length === 0 || rest > 0; rest >>= 7)
    length.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest)
  return Buffer.concat([Buffer.from([first, ...length]), body])
}

const uint16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])
const text = (value: string): Buffer => Buffer.concat([uint16(Buffer.byteLength(value)), Buffer.from(value)])
