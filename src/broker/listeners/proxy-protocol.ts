/**
 * The header that a load balancer puts before a connection to say whose it is. Source: "The PROXY protocol", versions 1 and 2,
 * W. Tarreau, HAProxy, revision of 2020. Pure: bytes in, one of three answers out.
 */
import { isIPv4, isIPv6 } from 'node:net'

export type ProxyHeader = {
  readonly type: 'header'
  /** How many bytes it takes; what follows is the client's. */
  readonly length: number
  /** `undefined`: the proxy speaks for itself (LOCAL, a health check), or does not know: the connection's own address counts. */
  readonly source: { readonly host: string; readonly port: number } | undefined
  /** Of the client's certificate, which the proxy has verified. */
  readonly commonName: string | undefined
  /** Which host the client asked for (SNI). */
  readonly serverName: string | undefined
}

export type ProxyResult =
  | ProxyHeader
  /** These bytes may begin a header; more are needed. */
  | { readonly type: 'incomplete' }
  | { readonly type: 'invalid'; readonly words: string }

const incomplete: ProxyResult = { type: 'incomplete' }
const invalid = (words: string): ProxyResult => ({ type: 'invalid', words })

/** "\r\n\r\n\0\r\nQUIT\n" */
const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const v1Prefix = Buffer.from('PROXY ')
/** The longest line of version 1, line end included. */
const V1_BYTES_MAX = 107
const V2_FIXED_BYTES = 16
/** Beyond addresses and what a certificate's name takes, nobody needs more; the field could say 65,535. */
const V2_REST_BYTES_MAX = 4096

/** The most bytes that a header may take: whoever collects them needs to keep no more. */
export const PROXY_HEADER_BYTES_MAX = V2_FIXED_BYTES + V2_REST_BYTES_MAX

/** @param bytes all that the connection has sent so far */
export function parseProxyHeader(bytes: Buffer): ProxyResult {
  if (startsLike(bytes, signature)) return bytes.length < V2_FIXED_BYTES ? incomplete : parseV2(bytes)
  if (startsLike(bytes, v1Prefix)) return parseV1(bytes)
  return invalid('does not begin with a PROXY header')
}

/** Whether as many bytes as there are agree with how a header begins. */
function startsLike(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length)
  return bytes.compare(prefix, 0, length, 0, length) === 0
}

function parseV1(bytes: Buffer): ProxyResult {
  const end = bytes.subarray(0, V1_BYTES_MAX).indexOf('\r\n')
  if (end < 0) return bytes.length < V1_BYTES_MAX ? incomplete : invalid('PROXY line without an end')
  const fields = bytes.toString('latin1', 0, end).split(' ')
  const [, protocol, source = '', destination = '', sourcePort = '', destinationPort = ''] = fields
  const header = { type: 'header', length: end + 2, commonName: undefined, serverName: undefined } as const
  // Whatever follows UNKNOWN is to be ignored.
  if (protocol === 'UNKNOWN') return { ...header, source: undefined }
  const isAddress = protocol === 'TCP4' ? isIPv4 : protocol === 'TCP6' ? isIPv6 : undefined
  if (isAddress === undefined) return invalid('PROXY line with an unknown protocol')
  if (fields.length !== 6) return invalid('PROXY line that has not six fields')
  if (!isAddress(source) || !isAddress(destination)) return invalid('PROXY line with bad addresses')
  if (!isPort(sourcePort) || !isPort(destinationPort)) return invalid('PROXY line with bad ports')
  return { ...header, source: { host: plainHost(source), port: Number(sourcePort) } }
}

const isPort = (text: string): boolean => /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535

function parseV2(bytes: Buffer): ProxyResult {
  const versionAndCommand = bytes[12]!
  const familyAndProtocol = bytes[13]!
  const restBytes = bytes.readUInt16BE(14)
  if (versionAndCommand >> 4 !== 2) return invalid(`PROXY header of version ${versionAndCommand >> 4}`)
  const command = versionAndCommand & 15
  if (command > 1) return invalid(`PROXY header with command ${command}`)
  if (restBytes > V2_REST_BYTES_MAX) return invalid(`PROXY header of ${restBytes} bytes`)
  const length = V2_FIXED_BYTES + restBytes
  if (bytes.length < length) return incomplete
  const none = { type: 'header', length, source: undefined, commonName: undefined, serverName: undefined } as const
  if (command === 0) return none
  const addressBytes = addressBytesOf(familyAndProtocol)
  if (addressBytes === undefined) return invalid(`PROXY header for protocol 0x${familyAndProtocol.toString(16)}`)
  if (restBytes < addressBytes) return invalid('PROXY header too short for its addresses')
  const tlvs = readTlvs(bytes.subarray(0, length), V2_FIXED_BYTES + addressBytes)
  if (tlvs === undefined) return invalid('PROXY header with a field that runs over its end')
  if (!isChecksumRight(bytes.subarray(0, length), tlvs)) return invalid('PROXY header with a wrong checksum')
  return { ...none, source: readSource(bytes, familyAndProtocol), ...readNames(tlvs) }
}

/** Of both addresses and ports; `undefined` for what no stream of bytes comes through. */
function addressBytesOf(familyAndProtocol: number): number | undefined {
  switch (familyAndProtocol) {
    case 0x00:
      return 0
    case 0x11:
      return 12
    case 0x21:
      return 36
    case 0x31:
      return 216
    default:
      return undefined
  }
}

function readSource(bytes: Buffer, familyAndProtocol: number): ProxyHeader['source'] {
  const at = V2_FIXED_BYTES
  if (familyAndProtocol === 0x11)
    return { host: bytes.subarray(at, at + 4).join('.'), port: bytes.readUInt16BE(at + 8) }
  if (familyAndProtocol !== 0x21) return undefined
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(at + 2 * index).toString(16))
  // As everybody else writes it: the longest run of zeros is left out.
  const host = new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
  const mapped = /^::ffff:([\da-f]+):([\da-f]+)$/.test(host) ? bytes.subarray(at + 12, at + 16).join('.') : host
  return { host: mapped, port: bytes.readUInt16BE(at + 32) }
}

/** An IPv4 address is never written as IPv6. */
export function plainHost(host: string): string {
  return host.replace(/^::ffff:(?=\d+\.)/i, '')
}

type Tlv = { readonly kind: number; readonly start: number; readonly value: Buffer }

function readTlvs(bytes: Buffer, from: number): readonly Tlv[] | undefined {
  const tlvs: Tlv[] = []
  let at = from
  while (at < bytes.length) {
    if (at + 3 > bytes.length) return undefined
    const start = at + 3
    const end = start + bytes.readUInt16BE(at + 1)
    if (end > bytes.length) return undefined
    tlvs.push({ kind: bytes[at]!, start, value: bytes.subarray(start, end) })
    at = end
  }
  return tlvs
}

const tlvKind = { authority: 0x02, crc32c: 0x03, ssl: 0x20, sslCommonName: 0x22 } as const
/** The client has shown a certificate, on this connection or in this session. */
const CLIENT_CERTIFICATE_BITS = 0x02 | 0x04

function readNames(tlvs: readonly Tlv[]): Pick<ProxyHeader, 'commonName' | 'serverName'> {
  const serverName = tlvs.find(({ kind }) => kind === tlvKind.authority)?.value.toString('utf8')
  const ssl = tlvs.find(({ kind }) => kind === tlvKind.ssl)?.value
  // One byte of flags, then four that are zero if the certificate was verified.
  const isVouchedFor =
    ssl !== undefined && ssl.length >= 5 && (ssl[0]! & CLIENT_CERTIFICATE_BITS) !== 0 && ssl.readUInt32BE(1) === 0
  const inner = isVouchedFor ? (readTlvs(ssl, 5) ?? []) : []
  const commonName = inner.find(({ kind }) => kind === tlvKind.sslCommonName)?.value.toString('utf8')
  return { serverName, commonName }
}

/** Over the whole header, with zeros where the checksum stands. */
function isChecksumRight(header: Buffer, tlvs: readonly Tlv[]): boolean {
  const checksum = tlvs.find(({ kind }) => kind === tlvKind.crc32c)
  if (checksum === undefined) return true
  if (checksum.value.length !== 4) return false
  const blanked = Buffer.from(header)
  blanked.fill(0, checksum.start, checksum.start + 4)
  return crc32c(blanked) === checksum.value.readUInt32BE(0)
}

/** CRC-32C (Castagnoli), RFC 3720, B.4. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xff_ff_ff_ff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82_f6_3b_78
  }
  return (crc ^ 0xff_ff_ff_ff) >>> 0
}
