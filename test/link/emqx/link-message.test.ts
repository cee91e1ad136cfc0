import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { decodeTerm, encodeTerm } from '../../../src/link/emqx/etf.ts'
import { addressOf, addressTerm } from '../../../src/link/emqx/ip-address.ts'
import { decodeLinkMessage, encodeLinkMessage, messageId } from '../../../src/link/emqx/link-message.ts'
import { Atom, TermMap, Tuple } from '../../../src/link/emqx/term.ts'
import type { Term } from '../../../src/link/emqx/term.ts'
import type { Message } from '../../../src/packets/message.ts'
import { parseErlangText } from './erlang-text.ts'
import { readConversation, readGoldenTerms } from './wire-fixtures.ts'

const id = messageId(1795289123245, Buffer.from('source'), 7)

const full: Message = {
  topic: 't/1',
  payload: Buffer.from('hello'),
  qos: 2,
  retain: true,
  properties: {
    payloadFormatIndicator: 1,
    messageExpiryInterval: 100,
    contentType: 'text/plain',
    responseTopic: 't/answer',
    correlationData: Buffer.from([1, 2, 255]),
    userProperties: [
      ['k', 'v1'],
      ['k', 'v2'],
    ],
  },
  from: 'b-p5',
  username: 'alice',
  peerHost: '127.0.0.1',
  timestampMs: 1795289123245,
  origin: undefined,
}
const bare: Message = {
  ...full,
  qos: 0,
  retain: false,
  properties: undefined,
  username: undefined,
  peerHost: undefined,
}

for (const { what, message } of [
  { what: 'with everything', message: full },
  { what: 'with nothing that can be left out', message: bare },
  { what: 'without payload', message: { ...bare, payload: Buffer.alloc(0) } },
  { what: 'from an IPv6 address', message: { ...bare, peerHost: '2001:db8::1' } },
  { what: 'large enough to compress', message: { ...bare, payload: Buffer.alloc(20_000, 'abcd') } },
]) {
  test(`a message ${what} survives, compressed or not`, () => {
    for (const compressFromBytes of [0, Infinity]) {
      assert.deepEqual(decoded(encodeLinkMessage(message, id, { compressFromBytes })), message)
    }
  })
}

test('every recorded forwarded message is decoded to the fields that Erlang printed', () => {
  const frames = readConversation('two-nodes').filter(({ topic }) => topic?.startsWith('$LINK/cluster/msg/'))
  assert.ok(frames.length > 20)
  for (const { payload_hex = '', decoded: text = '' } of frames) {
    const message = decoded(Buffer.from(payload_hex, 'hex'))
    const elements = elementsOf(parseErlangText(text))
    const field = (at: number): Term => elements[at] ?? []
    assert.equal(message.qos, field(2))
    assert.deepEqual(Buffer.from(message.topic), field(6))
    assert.deepEqual(message.payload, field(7))
    assert.equal(message.timestampMs, field(8))
    const from = field(3)
    assert.deepEqual(
      from instanceof Atom ? from.name : from,
      from instanceof Atom ? message.from : Buffer.from(message.from),
    )
    assert.equal(message.retain, text.includes('retain => true'))
    assert.deepEqual(decoded(encodeLinkMessage(message, id)), message)
  }
})

test('properties come from the record, and a topic alias does not', () => {
  const withProperties = recorded('fwd_props')
  assert.equal(withProperties.properties?.contentType, 'text/plain')
  assert.deepEqual(withProperties.properties?.userProperties, [
    ['k1', 'v1'],
    ['k2', 'v2'],
  ])
  assert.deepEqual(withProperties.properties?.correlationData, Buffer.from([1, 2, 255]))
  assert.equal(recorded('fwd_alias').properties, undefined)
  assert.equal(recorded('fwd_v311').username, 'u311')
  assert.equal(recorded('fwd_v311').peerHost, '127.0.0.1')
})

test('only atoms that any EMQX knows are sent', () => {
  const known = new Set(
    readConversation('two-nodes')
      .flatMap(({ decoded: text }) => (text === undefined ? [] : atomsOf(parseErlangText(text))))
      // Of MQTT itself, so that EMQX's own packet parser names them; no recorded message had them all.
      .concat(['Payload-Format-Indicator', 'Message-Expiry-Interval', 'true', 'false']),
  )
  const result = decodeTerm(encodeLinkMessage(full, id))
  assert.ok(result.type === 'term')
  assert.deepEqual(
    atomsOf(result.term).filter((name) => !known.has(name)),
    [],
  )
})

test('the payload of a decoded message is not a view of the frame', () => {
  const frame = encodeLinkMessage(full, id)
  const message = decoded(frame)
  frame.fill(0)
  assert.deepEqual(message, full)
})

test('a payload of iodata is put together', () => {
  const golden = readGoldenTerms().find(({ name }) => name === 'message_iolist')
  const text = golden?.text ?? ''
  assert.ok(Array.isArray(elementsOf(parseErlangText(text))[7]))
  assert.ok(decoded(Buffer.from(golden?.default ?? '', 'hex')).payload.length > 0)
  assert.deepEqual(decoded(record('[<<"a">>,"b",[99|<<"d">>]]')).payload, Buffer.from('abcd'))
})

for (const { what, payload, reason } of [
  { what: 'no term', payload: Buffer.from('junk'), reason: 'bad_term' },
  { what: 'a map', payload: erlang('#{topic => <<"c/1">>}'), reason: 'wrong_record' },
  {
    what: 'nine elements',
    payload: erlang('{message,<<1>>,1,<<"p">>,#{},#{},<<"c/1">>,<<"hi">>,0}'),
    reason: 'wrong_record',
  },
  {
    what: 'eleven',
    payload: erlang('{message,<<1>>,1,<<"p">>,#{},#{},<<"c">>,<<"hi">>,0,#{},new}'),
    reason: 'wrong_record',
  },
  {
    what: 'another record',
    payload: erlang('{session,<<1>>,1,<<"p">>,#{},#{},<<"c">>,<<"hi">>,0,#{}}'),
    reason: 'wrong_record',
  },
  { what: 'a topic of characters', payload: record('<<"hi">>', { topic: '"c/1"' }), reason: 'bad_field' },
  { what: 'a topic that is not UTF-8', payload: record('<<"hi">>', { topic: '<<255>>' }), reason: 'bad_field' },
  { what: 'a topic with a null character', payload: record('<<"hi">>', { topic: '<<97,0>>' }), reason: 'bad_field' },
  { what: 'a topic with a wildcard', payload: record('<<"hi">>', { topic: '<<"c/+">>' }), reason: 'bad_topic' },
  { what: 'no topic at all', payload: record('<<"hi">>', { topic: '<<>>' }), reason: 'bad_topic' },
  { what: 'QoS 3', payload: record('<<"hi">>', { qos: '3' }), reason: 'bad_field' },
  { what: 'a time before 1970', payload: record('<<"hi">>', { timestamp: '-1' }), reason: 'bad_field' },
  { what: 'a payload of numbers beyond bytes', payload: record('[256]'), reason: 'bad_field' },
  { what: 'a payload that is an atom', payload: record('hi'), reason: 'bad_field' },
]) {
  test(`a message with ${what} is malformed: ${reason}`, () => {
    const result = decodeLinkMessage(payload)
    assert.ok(result.type === 'malformed')
    assert.equal(result.reason, reason)
  })
}

for (const { what, payload, expected } of [
  {
    what: 'undefined id and publisher',
    payload: erlang('{message,undefined,1,undefined,#{},#{},<<"c">>,<<>>,5,#{}}'),
    expected: { from: '' },
  },
  {
    what: 'extra of the old form',
    payload: erlang('{message,<<>>,1,<<"p">>,#{},#{},<<"c">>,<<>>,5,[]}'),
    expected: { from: 'p' },
  },
  {
    what: 'flags that are none',
    payload: erlang('{message,<<>>,1,<<"p">>,[],[],<<"c">>,<<>>,5,#{}}'),
    expected: { retain: false },
  },
]) {
  test(`a message with ${what} is taken`, () =>
    assert.deepEqual({ ...decoded(payload), ...expected }, decoded(payload)))
}

test('properties of the wrong type are left out', () => {
  const headers = `#{properties => #{'Content-Type' => 5,'Message-Expiry-Interval' => -1,'Payload-Format-Indicator' => 2,
    'Response-Topic' => <<"a/#">>,'User-Property' => [{<<"a">>,<<"b">>},{<<"a">>},x],'Correlation-Data' => atom}}`
  const message = decoded(erlang(`{message,<<>>,1,<<"p">>,#{},${headers.replaceAll(/\s/g, '')},<<"c">>,<<>>,5,#{}}`))
  assert.deepEqual(message.properties, { userProperties: [['a', 'b']] })
})

test('an origin that the sender claims is told', () => {
  const result = decodeLinkMessage(
    erlang('{message,<<>>,1,<<"p">>,#{},#{},<<"c">>,<<>>,5,#{link_origin => <<"cl.zz">>}}'),
  )
  assert.ok(result.type === 'message')
  assert.equal(result.claimedOrigin, 'cl.zz')
  assert.equal(result.message.origin, undefined)
})

test('ids differ within a millisecond, over the wrap of 16 bits, and between sources', () => {
  const source = Buffer.from('abcdef')
  const ids = [0, 1, 65_535, 65_536, 65_537, 131_072].map((counter) => messageId(5, source, counter).toString('hex'))
  ids.push(messageId(6, source, 0).toString('hex'), messageId(5, Buffer.from('ghijkl'), 0).toString('hex'))
  assert.equal(new Set(ids).size, ids.length)
  assert.equal(messageId(1795289123245, source, 0).readBigUInt64BE(0), 1795289123245000n)
  assert.equal(messageId(5, source, 3).length, 16)
})

for (const { address, elements, back = address } of [
  { address: '127.0.0.1', elements: [127, 0, 0, 1] },
  { address: '::1', elements: [0, 0, 0, 0, 0, 0, 0, 1] },
  { address: '::', elements: [0, 0, 0, 0, 0, 0, 0, 0] },
  { address: '2001:db8::a:b', elements: [0x2001, 0xdb8, 0, 0, 0, 0, 10, 11] },
  { address: '1:2:3:4:5:6:7:8', elements: [1, 2, 3, 4, 5, 6, 7, 8] },
  { address: '::ffff:127.0.0.1', elements: [0, 0, 0, 0, 0, 65_535, 32_512, 1], back: '::ffff:7f00:1' },
  { address: 'fe80::1%eth0', elements: [0xfe80, 0, 0, 0, 0, 0, 0, 1], back: 'fe80::1' },
]) {
  test(`address ${address}`, () => {
    assert.deepEqual(addressTerm(address), new Tuple(elements))
    assert.equal(addressOf(new Tuple(elements)), back)
  })
}

test('what is no address has no term, and the other way round', () => {
  assert.equal(addressTerm('localhost'), undefined)
  assert.equal(addressOf(new Tuple([1, 2, 3, 256])), undefined)
  assert.equal(addressOf(new Tuple([1, 2, 3])), undefined)
  assert.equal(addressOf(new Atom('local')), undefined)
})

const optionalText = fc.option(fc.string(), { nil: undefined })
const topicName = fc.string({ minLength: 1 }).filter((topic) => !/[+#\0]/.test(topic))

test('random messages survive', () => {
  fc.assert(
    fc.property(
      fc.record({
        topic: topicName,
        payload: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
        retain: fc.boolean(),
        from: fc.string(),
        username: optionalText,
        userProperties: fc.array(fc.tuple(fc.string(), fc.string()), { minLength: 1 }),
        timestampMs: fc.nat(2 ** 42),
      }),
      ({ userProperties, ...fields }) => {
        const message = { ...fields, properties: { userProperties }, peerHost: undefined, origin: undefined }
        assert.deepEqual(decoded(encodeLinkMessage(message, id)), message)
      },
    ),
  )
})

function decoded(payload: Buffer): Message {
  const result = decodeLinkMessage(payload)
  assert.ok(result.type === 'message', JSON.stringify(result))
  return result.message
}

function recorded(step: string): Message {
  const frame = readConversation('two-nodes').find((entry) => entry.step === step && entry.payload_hex !== undefined)
  return decoded(Buffer.from(frame?.payload_hex ?? '', 'hex'))
}

function erlang(text: string): Buffer {
  return encodeTerm(parseErlangText(text))
}

function record(payload: string, { topic = '<<"c/1">>', qos = '1', timestamp = '5' } = {}): Buffer {
  return erlang(`{message,<<1>>,${qos},<<"pub">>,#{},#{},${topic},${payload},${timestamp},#{}}`)
}

function elementsOf(term: Term): readonly Term[] {
  assert.ok(term instanceof Tuple)
  return term.elements
}

function atomsOf(term: Term): string[] {
  if (term instanceof Atom) return [term.name]
  if (term instanceof Tuple) return term.elements.flatMap(atomsOf)
  if (term instanceof TermMap) return term.entries.flatMap(([key, value]) => [...atomsOf(key), ...atomsOf(value)])
  return Array.isArray(term) ? term.flatMap(atomsOf) : []
}
