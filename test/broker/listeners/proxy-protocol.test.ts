import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { crc32c, parseProxyHeader, PROXY_HEADER_BYTES_MAX } from '../../../src/broker/listeners/proxy-protocol.ts'
import { hex } from '../raw-client.ts'
import { proxyV2, tlv } from './proxy-header.ts'

const line = (text: string): Buffer => Buffer.from(text, 'latin1')
const tcp4 = { host: '192.0.2.1', port: 56_324 }

for (const { when, bytes, source, length = bytes.length, commonName, serverName } of [
  { when: 'TCP4', bytes: line('PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n'), source: tcp4 },
  {
    when: 'TCP6',
    bytes: line('PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n'),
    source: { host: '2001:db8::1', port: 1 },
  },
  {
    when: 'TCP6 that is an IPv4 address',
    bytes: line('PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 0 1\r\n'),
    source: { host: '192.0.2.1', port: 0 },
  },
  { when: 'unknown', bytes: line('PROXY UNKNOWN\r\n'), source: undefined },
  { when: 'unknown with whatever', bytes: line('PROXY UNKNOWN ffff::1 what 1 2 3\r\n'), source: undefined },
  {
    when: 'with what the client sent behind it',
    bytes: line('PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n\u0010\u0000PROXY'),
    source: tcp4,
    length: 42,
  },
  { when: 'version 2, TCP4', bytes: proxyV2({ source: tcp4 }), source: tcp4 },
  {
    when: 'version 2, TCP6',
    bytes: proxyV2({ source: { host: '2001:db8:0:0:1::7', port: 9 } }),
    source: { host: '2001:db8::1:0:0:7', port: 9 },
  },
  {
    when: 'version 2, TCP6 that is an IPv4 address',
    bytes: proxyV2({ source: { host: '::ffff:10.1.2.3', port: 9 } }),
    source: { host: '10.1.2.3', port: 9 },
  },
  { when: 'version 2, LOCAL', bytes: proxyV2({ command: 0 }), source: undefined },
  { when: 'version 2, LOCAL with addresses', bytes: proxyV2({ command: 0, source: tcp4 }), source: undefined },
  { when: 'version 2, unspecified', bytes: proxyV2({}), source: undefined },
  {
    when: 'version 2, a Unix socket',
    bytes: proxyV2({ family: 0x31, addresses: Buffer.alloc(216) }),
    source: undefined,
  },
  {
    when: 'version 2 with a host name, and something unheard of',
    bytes: proxyV2({ source: tcp4, tlvs: [tlv(0xee, 'x'), tlv(0x02, 'mqtt.example')] }),
    source: tcp4,
    serverName: 'mqtt.example',
  },
  {
    when: 'version 2 with a verified certificate',
    bytes: proxyV2({
      source: tcp4,
      tlvs: [tlv(0x20, hex('05 00000000'), tlv(0x21, 'TLSv1.3'), tlv(0x22, 'device-1'))],
    }),
    source: tcp4,
    commonName: 'device-1',
  },
  {
    when: 'version 2 with a certificate that was not verified',
    bytes: proxyV2({ source: tcp4, tlvs: [tlv(0x20, hex('05 00000001'), tlv(0x22, 'device-1'))] }),
    source: tcp4,
  },
  {
    when: 'version 2 with TLS and no certificate',
    bytes: proxyV2({ source: tcp4, tlvs: [tlv(0x20, hex('01 00000000'), tlv(0x22, 'device-1'))] }),
    source: tcp4,
  },
  {
    when: 'version 2 with its checksum',
    bytes: proxyV2({ source: tcp4, tlvs: [tlv(0x04, 'padding')], checksum: 'right' }),
    source: tcp4,
  },
] as readonly {
  when: string
  bytes: Buffer
  source: object | undefined
  length?: number
  commonName?: string
  serverName?: string
}[]) {
  const header = { type: 'header', length, source, commonName, serverName }
  test(`PROXY header: ${when}`, () => assert.deepEqual(parseProxyHeader(bytes), header))
  test(`PROXY header: ${when}, cut short anywhere, wants more; whatever follows is not its`, () => {
    for (let end = 0; end < length; end++)
      assert.equal(parseProxyHeader(bytes.subarray(0, end)).type, 'incomplete', `after ${end} bytes`)
    assert.deepEqual(parseProxyHeader(Buffer.concat([bytes.subarray(0, length), Buffer.alloc(999, 0x0d)])), header)
  })
}

for (const { when, bytes, says } of [
  { when: 'MQTT', bytes: hex('10 0c 00 04'), says: /does not begin/ },
  { when: 'almost a line', bytes: line('PROXX TCP4'), says: /does not begin/ },
  { when: 'almost a signature', bytes: hex('0d0a0d0a000d0a515549540b'), says: /does not begin/ },
  { when: 'a line without an end', bytes: line(`PROXY TCP4 ${'1'.repeat(200)}`), says: /without an end/ },
  { when: 'an end too late', bytes: line(`PROXY UNKNOWN ${'x'.repeat(92)}\r\n`), says: /without an end/ },
  { when: 'another protocol', bytes: line('PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n'), says: /unknown protocol/ },
  { when: 'no protocol', bytes: line('PROXY \r\n'), says: /unknown protocol/ },
  { when: 'too few fields', bytes: line('PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n'), says: /six fields/ },
  { when: 'too many fields', bytes: line('PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n'), says: /six fields/ },
  { when: 'two blanks', bytes: line('PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n'), says: /six fields/ },
  { when: 'an address of the other family', bytes: line('PROXY TCP4 ::1 ::2 1 2\r\n'), says: /bad addresses/ },
  { when: 'no address', bytes: line('PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n'), says: /bad addresses/ },
  { when: 'a port too high', bytes: line('PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n'), says: /bad ports/ },
  { when: 'a port with a zero before it', bytes: line('PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n'), says: /bad ports/ },
  { when: 'version 3', bytes: proxyV2({ version: 3, source: tcp4 }), says: /of version 3/ },
  { when: 'another command', bytes: proxyV2({ command: 2, source: tcp4 }), says: /command 2/ },
  { when: 'UDP', bytes: proxyV2({ family: 0x12, addresses: Buffer.alloc(12) }), says: /protocol 0x12/ },
  { when: 'addresses too short', bytes: proxyV2({ family: 0x21, addresses: Buffer.alloc(12) }), says: /too short/ },
  {
    when: 'a field over the end',
    bytes: proxyV2({ source: tcp4, tlvs: [hex('02 0005 61')] }),
    says: /runs over its end/,
  },
  { when: 'half a field', bytes: proxyV2({ source: tcp4, tlvs: [hex('02 00')] }), says: /runs over its end/ },
  { when: 'a wrong checksum', bytes: proxyV2({ source: tcp4, checksum: 'wrong' }), says: /wrong checksum/ },
  { when: 'far too long', bytes: hex('0d0a0d0a000d0a515549540a 21 11 ffff'), says: /65535 bytes/ },
]) {
  test(`no PROXY header: ${when}`, () => {
    const result = parseProxyHeader(bytes)
    assert.equal(result.type, 'invalid')
    assert.match(result.type === 'invalid' ? result.words : '', says)
  })
}

test('CRC-32C of RFC 3720, B.4', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3_06_92_83)
  assert.equal(crc32c(Buffer.alloc(32)), 0x8a_91_36_aa)
})

test('any bytes, also such as almost are a header: an answer, and never the wish for more than the longest', () => {
  const mutated = fc
    .tuple(
      fc.constantFrom(
        line('PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n'),
        proxyV2({
          source: tcp4,
          tlvs: [tlv(0x02, 'a'), tlv(0x20, hex('07 00000000'), tlv(0x22, 'b'))],
          checksum: 'right',
        }),
        proxyV2({ source: { host: '2001:db8::1', port: 1 } }),
      ),
      fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 4 }),
    )
    .map(([bytes, changes]) => {
      const changed = Buffer.concat([bytes, Buffer.alloc(PROXY_HEADER_BYTES_MAX)])
      for (const [at, value] of changes) changed[at] = value
      return changed
    })
  const any = fc
    .uint8Array({ maxLength: 300 })
    .map((bytes) => Buffer.concat([bytes, Buffer.alloc(PROXY_HEADER_BYTES_MAX)]))
  fc.assert(
    fc.property(fc.oneof(mutated, any), (bytes) => {
      const result = parseProxyHeader(bytes)
      assert.notEqual(result.type, 'incomplete')
      if (result.type === 'header') assert.ok(result.length <= PROXY_HEADER_BYTES_MAX)
    }),
  )
})

/** One way to write an address. */
const plain = (address: string): string =>
  new URL(`http://[${address.includes(':') ? address : `::ffff:${address}`}]`).hostname

test('every address and port of version 2 arrives', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(65_535), (host, port) => {
      const result = parseProxyHeader(proxyV2({ source: { host, port } }))
      assert.ok(result.type === 'header' && result.source !== undefined)
      assert.equal(plain(result.source.host), plain(host))
      assert.equal(result.source.port, port)
    }),
  )
})
