/** A compressed term must not become larger than it could have come uncompressed: as a packet. */
import type { DecodeLimits } from '../emqx/etf.ts'
import type { InboundPorts } from './inbound-ports.ts'

export function termLimits({ termBytesMax }: InboundPorts): Partial<DecodeLimits> {
  return termBytesMax === undefined ? {} : { bytesMax: termBytesMax() }
}
