/** The PROXY header: however its bytes come, the answer is the same, and nobody waits for more than a header can be. */
import assert from 'node:assert/strict'
import { parseProxyHeader, PROXY_HEADER_BYTES_MAX } from '../../../src/broker/listeners/proxy-protocol.ts'
import type { Random } from '../random.ts'
import { byteMutation, type FuzzTarget, tokens } from '../target.ts'
import { uint } from '../term-maker.ts'

const limits = { bufferBytesMax: 65_536, buffersBytesMax: 1_048_576, heapBytesMax: 16 * 2 ** 20 }
const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const v1 = [
  'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n',
  'PROXY TCP6 ::1 fe80::1 1 65535\r\n',
  'PROXY UNKNOWN\r\n',
  `PROXY UNKNOWN ${'f'.repeat(92)}\r\n`,
]

export const proxyTarget: FuzzTarget = {
  name: 'proxy',
  seeds: () => v1.map((line) => Buffer.from(line)),
  generate: (random) => (random.chance(0.3) ? Buffer.from(v1Of(random)) : v2Of(random)),
  mutate: byteMutation({
    dictionary: [
      signature,
      Buffer.from('2111000c', 'hex'),
      Buffer.from('212100240304', 'hex'),
      ...tokens('PROXY TCP4 TCP6 UNKNOWN 65536 -1 ::ffff:1.2.3.4'),
    ],
    bytesMax: 2 * PROXY_HEADER_BYTES_MAX,
  }),
  run(input, meter) {
    const whole = meter.turn(limits, () => parseProxyHeader(input))
    if (input.length > PROXY_HEADER_BYTES_MAX)
      assert.notEqual(whole.type, 'incomplete', 'waits for more than there can be')
    if (whole.type === 'header') {
      assert.ok(whole.length <= input.length && whole.length <= PROXY_HEADER_BYTES_MAX)
      assert.ok(whole.source === undefined || (whole.source.port >= 0 && whole.source.port <= 65_535))
    }
    // Byte by byte at first, then in larger steps: a header is never read from fewer bytes than it has.
    for (let end = 0; end < input.length; end += end < 120 ? 1 : 97) {
      const part = meter.turn(limits, () => parseProxyHeader(input.subarray(0, end)))
      if (part.type === 'incomplete') continue
      if (part.type === 'header') assert.ok(part.length <= end)
      assert.deepEqual(part, whole, `after ${end} bytes`)
      break
    }
  },
}

function v1Of(random: Random): string {
  const host = (): string => random.pick(['192.0.2.1', '::1', 'fe80::1%eth0', '01.2.3.4', '256.1.1.1', '', 'x'])
  const port = (): string => random.pick(['0', '1', '65535', '65536', '-1', '01', 'x', ''])
  return `PROXY ${random.pick(['TCP4', 'TCP6', 'UNKNOWN', 'UDP4'])} ${host()} ${host()} ${port()} ${port()}${random.pick(['\r\n', '\r\n', '\n', ''])}`
}

function v2Of(random: Random): Buffer {
  const family = random.pick([0x00, 0x11, 0x12, 0x21, 0x22, 0x31, 0xff])
  const addresses = random.bytes(random.pick([0, 4, 12, 36, 216]))
  const tlvs = random.list(random.below(5), () => tlvOf(random, 0))
  const rest = Buffer.concat([addresses, ...tlvs])
  const length = random.chance(0.9) ? rest.length : random.pick([0, 12, 4096, 4097, 65_535])
  return Buffer.concat([
    signature,
    Buffer.of(random.pick([0x20, 0x21, 0x21, 0x21, 0x11, 0x2f]), family),
    uint(length, 2),
    rest,
    random.bytes(random.below(20)),
  ])
}

function tlvOf(random: Random, depth: number): Buffer {
  const type = random.pick([0x01, 0x02, 0x03, 0x04, 0x20, 0x21, 0x22, 0x30, random.below(256)])
  const value =
    type === 0x20 && depth < 3
      ? Buffer.concat([random.bytes(5), ...random.list(random.below(3), () => tlvOf(random, depth + 1))])
      : random.bytes(random.size(64))
  return Buffer.concat([Buffer.of(type), uint(random.chance(0.95) ? value.length : random.below(65_536), 2), value])
}
