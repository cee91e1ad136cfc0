/** PROXY protocol headers of version 2 as a load balancer, good or bad, would write them. */
import { isIPv4 } from 'node:net'
import { crc32c } from '../../../src/broker/listeners/proxy-protocol.ts'

export type ProxyV2 = {
  readonly version?: number
  /** 0: LOCAL, 1: PROXY. */
  readonly command?: number
  readonly source?: { readonly host: string; readonly port: number }
  /** In place of `source`. */
  readonly family?: number
  readonly addresses?: Buffer
  readonly tlvs?: readonly Buffer[]
  readonly checksum?: 'right' | 'wrong'
}

export function proxyV2({ version = 2, command = 1, source, tlvs = [], checksum, ...rest }: ProxyV2): Buffer {
  const family = rest.family ?? (source === undefined ? 0 : isIPv4(source.host) ? 0x11 : 0x21)
  const addresses = rest.addresses ?? (source === undefined ? Buffer.alloc(0) : addressesOf(source))
  const blank = checksum === undefined ? [] : [tlv(0x03, Buffer.alloc(4))]
  const body = Buffer.concat([addresses, ...tlvs, ...blank])
  const head = Buffer.from('0d0a0d0a000d0a515549540a00000000', 'hex')
  head[12] = (version << 4) | command
  head[13] = family
  head.writeUInt16BE(body.length, 14)
  const whole = Buffer.concat([head, body])
  if (checksum !== undefined) whole.writeUInt32BE(checksum === 'right' ? crc32c(whole) : 1, whole.length - 4)
  return whole
}

export function tlv(kind: number, ...values: readonly (Buffer | string)[]): Buffer {
  const value = Buffer.concat(values.map((one) => (typeof one === 'string' ? Buffer.from(one) : one)))
  const head = Buffer.from([kind, value.length >> 8, value.length & 255])
  return Buffer.concat([head, value])
}

function addressesOf({ host, port }: { readonly host: string; readonly port: number }): Buffer {
  const own = addressBytes(host)
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(port)
  return Buffer.concat([own, Buffer.alloc(own.length), ports])
}

function addressBytes(host: string): Buffer {
  if (isIPv4(host)) return Buffer.from(host.split('.').map(Number))
  const [left = '', right] = new URL(`http://[${host}]`).hostname.slice(1, -1).split('::')
  const before = left === '' ? [] : left.split(':')
  const after = right === undefined || right === '' ? [] : right.split(':')
  const groups = [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after]
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex')
}
