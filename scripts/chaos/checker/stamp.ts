/**
 * What a message carries: whose it is, its number, and filler that follows from both, so that a payload which was changed on its way is
 * seen. `ISCH`, number (4 bytes), length of the name (1), the name, filler, and a CRC-32 of all before it.
 */
import { crc32 } from 'node:zlib'

const MAGIC = 0x49534348
const NAME_AT = 9
const CRC_BYTES = 4

export type Stamp = { readonly publisher: string; readonly sequence: number; readonly isChanged: boolean }

/** @param bytes at least; a name that needs more gets it */
export function stamped(publisher: string, sequence: number, bytes: number): Buffer {
  const name = Buffer.from(publisher)
  const payload = Buffer.alloc(Math.max(bytes, NAME_AT + name.length + CRC_BYTES))
  payload.writeUInt32BE(MAGIC, 0)
  payload.writeUInt32BE(sequence, 4)
  payload.writeUInt8(name.length, 8)
  name.copy(payload, NAME_AT)
  // Filler that a compressor can not make shorter, and that differs from message to message.
  let random = (sequence * 48_271 + 12_345) % 0x7fffffff
  for (let at = NAME_AT + name.length; at < payload.length - CRC_BYTES; at += 1) {
    random = (random * 48_271) % 0x7fffffff
    payload[at] = random & 0xff
  }
  payload.writeUInt32BE(crc32(payload.subarray(0, payload.length - CRC_BYTES)), payload.length - CRC_BYTES)
  return payload
}

/** Undefined if it is none of ours, or can't be told any more. */
export function readStamp(payload: Buffer): Stamp | undefined {
  if (payload.length < NAME_AT + CRC_BYTES || payload.readUInt32BE(0) !== MAGIC) return undefined
  const nameEnd = NAME_AT + payload.readUInt8(8)
  if (nameEnd + CRC_BYTES > payload.length) return undefined
  const crcAt = payload.length - CRC_BYTES
  return {
    publisher: payload.toString('utf8', NAME_AT, nameEnd),
    sequence: payload.readUInt32BE(4),
    isChanged: crc32(payload.subarray(0, crcAt)) !== payload.readUInt32BE(crcAt),
  }
}
