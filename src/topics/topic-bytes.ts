/** Topic names as they stand in a packet: bytes of UTF-8. */
import { isUtf8 } from 'node:buffer'
import { hash, plus, topicBytesMax, topicNameProblem } from './topic-filter.ts'

/** The topic name in these bytes, or `undefined` if they are none (`topicNameProblem`, or no UTF-8 [MQTT-1.5.4-1]). */
export function decodeTopicName(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (start === end || end - start > topicBytesMax) return undefined
  let bits = 0
  for (let i = start; i < end; i += 1) {
    const byte = bytes[i]!
    if (byte === 0 || byte === plus || byte === hash) return undefined
    bits |= byte
  }
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bits < 0x80) return buffer.toString('latin1', start, end)
  // Not `TextDecoder`, which would take away a leading U+FEFF [MQTT-1.5.4-3].
  return isUtf8(buffer.subarray(start, end)) ? buffer.toString('utf8', start, end) : undefined
}

/** Where topics and filters are written as bytes to be looked up as such. */
export class TopicScratch {
  bytes = Buffer.allocUnsafeSlow(256)

  /** `bytes`, with room for at least so many. */
  sized(byteLength: number): Buffer {
    if (byteLength > this.bytes.length) this.bytes = Buffer.allocUnsafeSlow(byteLength * 2)
    return this.bytes
  }

  /** Writes the topic to `bytes` and returns its length, or -1 if it has no UTF-8 or is too long. */
  write(topic: string): number {
    this.sized(topic.length)
    for (let i = 0; i < topic.length; i += 1) {
      const unit = topic.charCodeAt(i)
      if (unit > 0x7f) return this.#writeSlowly(topic)
      this.bytes[i] = unit
    }
    return topic.length > topicBytesMax ? -1 : topic.length
  }

  #writeSlowly(topic: string): number {
    const problem = topicNameProblem(topic)
    if (problem === 'topic_too_long' || problem === 'topic_invalid_char') return -1
    this.sized(Buffer.byteLength(topic))
    return this.bytes.write(topic)
  }
}
