/**
 * A SUBSCRIBE or UNSUBSCRIBE may hold a quarter of a million filters. Cut into slices that are packets themselves, it can be done
 * bit by bit, so that others have their turn in between.
 */
import { PacketCursor } from '../../packets/packet-cursor.ts'
import type { ProtocolVersion } from './packet-rules.ts'

/** A whole packet, whose body begins at `body`. */
export type FilterSlice = { readonly bytes: Buffer; readonly body: number }

const FILTERS_MAX = 32
/** Bytes of a slice, unless a single filter has more. */
const BYTES_MAX = 8192

/**
 * In the order of the filters, each with the packet identifier and the properties of the whole. What is malformed shows at the
 * latest in the slice that holds it. Throws `PacketFault`.
 * @param optionBytes after each filter: 1 for SUBSCRIBE, 0 for UNSUBSCRIBE
 */
export function* sliceFilters(
  bytes: Buffer,
  body: number,
  version: ProtocolVersion,
  optionBytes: 0 | 1,
): Generator<FilterSlice, void, void> {
  if (bytes.length <= BYTES_MAX && bytes.length - body <= FILTERS_MAX * (2 + optionBytes)) return yield { bytes, body }
  const cursor = new PacketCursor(bytes, body, bytes.length)
  cursor.uint16()
  if (version === 5) cursor.binaryOf(cursor.variable())
  const head = bytes.subarray(body, cursor.at)
  do {
    const from = cursor.at
    for (let count = 0; count < FILTERS_MAX && cursor.at - from < BYTES_MAX && !cursor.isAtEnd; count++) {
      cursor.binary()
      cursor.binaryOf(optionBytes)
    }
    yield packetOf(bytes[0]!, head, bytes.subarray(from, cursor.at))
  } while (!cursor.isAtEnd)
}

function packetOf(firstByte: number, head: Buffer, filters: Buffer): FilterSlice {
  const length = head.length + filters.length
  const header = [firstByte]
  for (let left = length; left > 0; left >>>= 7) header.push((left & 127) | (left > 127 ? 128 : 0))
  return { bytes: Buffer.concat([Buffer.from(header), head, filters]), body: header.length }
}
