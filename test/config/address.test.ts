import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatAddress, parseServers, readBind, readServers } from '../../src/config/address.ts'

const plain = { enable: false }

for (const { server, ssl = false, addresses } of [
  { server: 'h', addresses: [['h', 1883, false]] },
  { server: 'broker.example.com:2883', addresses: [['broker.example.com', 2883, false]] },
  { server: '  10.0.0.1:1 ', addresses: [['10.0.0.1', 1, false]] },
  { server: 'mqtt://h', addresses: [['h', 1883, false]] },
  { server: 'MQTT://h:65535', addresses: [['h', 65_535, false]] },
  { server: 'mqtts://h', addresses: [['h', 1883, true]] },
  {
    server: 'mqtts://h:8883, mqtt://h:1883',
    addresses: [
      ['h', 8883, true],
      ['h', 1883, false],
    ],
  },
  { server: 'h', ssl: true, addresses: [['h', 1883, true]] },
  { server: 'mqtt://h', ssl: true, addresses: [['h', 1883, true]] },
  { server: '[::1]', addresses: [['::1', 1883, false]] },
  { server: '[::1]:1883', addresses: [['::1', 1883, false]] },
  { server: 'mqtts://[2001:db8::2]:8883', addresses: [['2001:db8::2', 8883, true]] },
  { server: 'my_host-1.local:1', addresses: [['my_host-1.local', 1, false]] },
  {
    server: 'c:3,a:1,b:2',
    addresses: [
      ['c', 3, false],
      ['a', 1, false],
      ['b', 2, false],
    ],
  },
] satisfies { server: string; ssl?: boolean; addresses: [string, number, boolean][] }[]) {
  test(`server ${JSON.stringify(server)}${ssl ? ' with ssl' : ''} is ${JSON.stringify(addresses)}`, () => {
    const expected = addresses.map(([host, port, tls]) => ({ host, port, tls }))
    assert.deepEqual(parseServers(server, { enable: ssl }), expected)
  })
}

for (const { server, reason } of [
  { server: '', reason: 'bad_host' },
  { server: ':1883', reason: 'bad_host' },
  { server: 'a,,b', reason: 'bad_host' },
  { server: 'a,', reason: 'bad_host' },
  { server: '1883', reason: 'bad_host' },
  { server: '1.2.3', reason: 'bad_host' },
  { server: '256.0.0.1:1883', reason: 'bad_host' },
  { server: '::1', reason: 'bad_host' },
  { server: 'fe80::1:1883', reason: 'bad_host' },
  { server: '[::g]:1883', reason: 'bad_host' },
  { server: '[127.0.0.1]:1883', reason: 'bad_host' },
  { server: '[::1', reason: 'bad_host' },
  { server: '[::1]x', reason: 'bad_host' },
  { server: 'a b:1', reason: 'bad_host' },
  { server: '-a:1', reason: 'bad_host' },
  { server: 'h/path', reason: 'bad_host' },
  { server: 'u:p@h:1883', reason: 'bad_host' },
  { server: 'h:', reason: 'bad_port_number' },
  { server: 'host:notaport', reason: 'bad_port_number' },
  { server: 'h:0', reason: 'bad_port_number' },
  { server: 'h:65536', reason: 'bad_port_number' },
  { server: 'h:-1', reason: 'bad_port_number' },
  { server: 'h:1e3', reason: 'bad_port_number' },
  { server: 'h:1883/path', reason: 'bad_port_number' },
  { server: 'a:1,b:x', reason: 'bad_port_number' },
  { server: 'http://h:80', reason: 'unsupported_scheme' },
  { server: 'ws://h', reason: 'unsupported_scheme' },
  { server: 'ssl://h', reason: 'unsupported_scheme' },
  { server: 'mqtt://a,tcp://b', reason: 'unsupported_scheme' },
]) {
  test(`server ${JSON.stringify(server)} is refused: ${reason}`, () => {
    const result = readServers(server, plain)
    assert.equal(result.type === 'invalid' && result.reason, reason)
    assert.throws(() => parseServers(server, plain), TypeError)
  })
}

test('an address with a user is refused without repeating the secret', () => {
  const result = readServers('mqtt://u:s3cret@h:1883', plain)
  assert.ok(result.type === 'invalid' && !result.message.includes('s3cret'))
})

const host = fc.oneof(
  fc.ipV4(),
  fc.domain(),
  fc
    .ipV6()
    .filter((ip) => !ip.includes('.'))
    .map((ip) => ip.toLowerCase()),
)
const address = fc.record(
  { host, port: fc.integer({ min: 1, max: 65_535 }), tls: fc.boolean() },
  { noNullPrototype: true },
)

test('what is written as host and port is read as host and port, in order and as many as there are', () => {
  fc.assert(
    fc.property(fc.array(address, { minLength: 1, maxLength: 6 }), fc.boolean(), (addresses, spaced) => {
      const written = addresses.map((one) => `${one.tls ? 'mqtts' : 'mqtt'}://${formatAddress(one)}`)
      assert.deepEqual(parseServers(written.join(spaced ? ' , ' : ','), plain), addresses)
    }),
  )
})

test('any text is either refused with words or gives good addresses that read back as themselves', () => {
  const piece = fc.constantFrom(
    'mqtt://',
    'mqtts://',
    '[',
    ']',
    '::1',
    ':',
    '1883',
    'a',
    '.',
    ',',
    '@',
    '/',
    ' ',
    '0',
    '-',
    'é',
    '\n',
    '\0',
  )
  const written = fc.oneof(
    fc.array(piece, { maxLength: 10 }).map((pieces) => pieces.join('')),
    fc.string(),
  )
  fc.assert(
    fc.property(written, (server) => {
      const result = readServers(server, plain)
      if (result.type === 'invalid') return assert.notEqual(result.message, '')
      assert.ok(result.servers.length > 0)
      for (const one of result.servers) {
        assert.ok(one.host !== '' && one.port >= 1 && one.port <= 65_535)
        assert.deepEqual(parseServers(formatAddress(one), { enable: one.tls }), [one])
      }
    }),
    { numRuns: 2000 },
  )
})

for (const { bind, address: expected } of [
  { bind: 1883, address: '0.0.0.0:1883' },
  { bind: '1883', address: '0.0.0.0:1883' },
  { bind: ':1883', address: '0.0.0.0:1883' },
  { bind: '127.0.0.1:0', address: '127.0.0.1:0' },
  { bind: '[::]:1883', address: '[::]:1883' },
  { bind: 'localhost:1', address: 'localhost:1' },
  { bind: '127.0.0.1', address: 'bad_port_number' },
  { bind: 65_536, address: 'bad_port_number' },
  { bind: 1.5, address: 'bad_port_number' },
  { bind: -1, address: 'bad_port_number' },
  { bind: '::1:1883', address: 'bad_host' },
]) {
  test(`bind ${JSON.stringify(bind)} is ${expected}`, () => {
    const result = readBind(bind)
    assert.equal(result.type === 'ok' ? formatAddress(result) : result.reason, expected)
  })
}
