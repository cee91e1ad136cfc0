/** Addresses and networks as rules name them: `10.0.0.1`, `10.0.0.0/8`, `fd00::/8`. */
import { isIP } from 'node:net'
import type { Network } from './acl-rule.ts'

/** `undefined` for what is none. Bits beyond the prefix may be set, as in EMQX: `10.1.2.3/8` is `10.0.0.0/8`. */
export function parseNetwork(text: string): Network | undefined {
  const [, address = '', written] = /^([^/%\s]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const version = isIP(address)
  if (version === 0) return undefined
  const bits = version === 4 ? 32 : 128
  const prefixLength = written === undefined ? bits : Number(written)
  return prefixLength > bits ? undefined : { family: version === 4 ? 'ipv4' : 'ipv6', address, prefixLength }
}
