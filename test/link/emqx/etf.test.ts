import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync } from 'node:zlib'
import * as fc from 'fast-check'
import { decodeTerm, encodeTerm } from '../../../src/link/emqx/etf.ts'
import {
  Atom,
  Bitstring,
  Float,
  ImproperList,
  TermMap,
  Tuple,
  integer,
  isList,
  termKey,
  termsEqual,
} from '../../../src/link/emqx/term.ts'
import type { Term } from '../../../src/link/emqx/term.ts'
import { parseErlangText } from './erlang-text.ts'
import { readConversation, readGoldenBad, readGoldenTerms } from './wire-fixtures.ts'
import type { GoldenForm } from './wire-fixtures.ts'

const forms: readonly GoldenForm[] = [
  'default',
  'compressed',
  'compressed1',
  'compressed9',
  'deterministic',
  'minor0',
  'minor1',
]

for (const golden of readGoldenTerms()) {
  test(`golden ${golden.name}: every form decodes to what its text says`, () => {
    const expected = parseErlangText(golden.text)
    for (const form of forms) assertTerm(decoded(golden[form]), expected, form)
  })

  test(`golden ${golden.name}: is encoded byte for byte as Erlang does`, () => {
    assert.equal(encodeTerm(decoded(golden.default)).toString('hex'), golden.default)
    assert.equal(encodeTerm(decoded(golden.deterministic)).toString('hex'), golden.deterministic)
  })

  test(`golden ${golden.name}: compressed decodes to the same and is never larger`, () => {
    const term = decoded(golden.default)
    const compressed = encodeTerm(term, { compressFromBytes: 0 })
    assert.ok(compressed.length <= encodeTerm(term).length)
    assertTerm(decoded(compressed.toString('hex')), term)
  })
}

for (const { hex, safe } of readGoldenBad()) {
  // Erlang refuses this one only because it never saw the atom; here an atom is text and goes into no table.
  const unknownAtom = hex === '8377087a7a7a7171713132'
  test(`doubtful ${hex || '(nothing)'}: ${unknownAtom ? 'an unknown atom is only a text' : safe}`, () => {
    assert.equal(decodeTerm(Buffer.from(hex, 'hex')).type, safe === 'ok' || unknownAtom ? 'term' : 'malformed')
  })
}

for (const conversation of ['two-nodes', 'hand-made-dialler'] as const) {
  const frames = readConversation(conversation).filter(({ decoded }) => decoded !== undefined)

  test(`${conversation}: all ${frames.length} frames decode to what Erlang printed and survive encoding`, () => {
    assert.ok(frames.length > 100)
    for (const { step, payload_hex = '', decoded: text = '' } of frames) {
      const expected = parseErlangText(text)
      const term = decoded(payload_hex)
      assertTerm(term, expected, step)
      assertTerm(decoded(encodeTerm(term).toString('hex')), expected, step)
    }
  })

  test(`${conversation}: frames that Erlang could not decode are malformed here too`, () => {
    const bad = readConversation(conversation).filter((entry) => entry.payload_hex !== undefined && !entry.decoded)
    assert.equal(bad.length, conversation === 'two-nodes' ? 0 : 2)
    for (const { payload_hex = '' } of bad) {
      assert.equal(decodeTerm(Buffer.from(payload_hex, 'hex')).type, 'malformed')
    }
  })
}

for (const { what, left, right } of [
  { what: '1 and 1.0', left: 1, right: new Float(1) },
  { what: '0.0 and -0.0', left: new Float(0), right: new Float(-0) },
  { what: 'a list and a tuple', left: [1, 2], right: new Tuple([1, 2]) },
  { what: 'an atom and a binary', left: new Atom('ok'), right: Buffer.from('ok') },
  { what: 'a proper and an improper list', left: [1, 2], right: new ImproperList([1], 2) },
  { what: 'a binary and a bitstring', left: Buffer.from([0xa0]), right: new Bitstring(Buffer.from([0xa0]), 3) },
  { what: 'maps of unlike values', left: new TermMap([[1, 2]]), right: new TermMap([[1, 3]]) },
  { what: 'maps of unlike keys', left: new TermMap([[1, 2]]), right: new TermMap([[2, 2]]) },
] satisfies readonly { what: string; left: Term; right: Term }[]) {
  test(`${what} are not equal`, () => {
    assert.equal(termsEqual(left, right), false)
    assert.equal(termsEqual(right, left), false)
    assert.notEqual(termKey(left), termKey(right))
  })
}

test('maps are equal whatever the order of their keys', () => {
  const there = new TermMap([
    [new Atom('a'), 1],
    [Buffer.from('b'), [2]],
  ])
  const back = new TermMap(there.entries.toReversed())
  assert.ok(termsEqual(there, back))
  assert.equal(termKey(there), termKey(back))
  assert.equal(back.at('a'), 1)
  assert.deepEqual(back.get(Buffer.from('b')), [2])
})

for (const { what, bytes, limits, reason } of [
  {
    what: 'a compressed term that says it is too large',
    bytes: Buffer.concat([Buffer.from('8350ffffffff', 'hex'), deflateSync(Buffer.alloc(10))]),
    limits: {},
    reason: /4294967295 bytes, more than/,
  },
  {
    what: 'a compressed term that says less than it holds',
    bytes: Buffer.concat([Buffer.from('835000000005', 'hex'), deflateSync(Buffer.alloc(1_000_000))]),
    limits: {},
    reason: /compressed term/,
  },
  {
    what: 'a compressed term that says more than it holds',
    bytes: Buffer.concat([Buffer.from('835000000005', 'hex'), deflateSync(Buffer.from('6a', 'hex'))]),
    limits: {},
    reason: /1 bytes, not 5/,
  },
  {
    what: 'a plain term that is too large',
    bytes: encodeTerm(Buffer.alloc(100)),
    limits: { bytesMax: 50 },
    reason: /more/,
  },
  { what: 'a list of four billion', bytes: Buffer.from('836cffffffff', 'hex'), limits: {}, reason: /cut off/ },
  { what: 'a map of four billion', bytes: Buffer.from('8374ffffffff', 'hex'), limits: {}, reason: /cut off/ },
  { what: 'a tuple of four billion', bytes: Buffer.from('8369ffffffff', 'hex'), limits: {}, reason: /cut off/ },
  { what: 'a binary of four billion', bytes: Buffer.from('836dffffffff', 'hex'), limits: {}, reason: /cut off/ },
  {
    what: 'an integer of four billion bytes',
    bytes: Buffer.from('836fffffffff00', 'hex'),
    limits: {},
    reason: /cut off/,
  },
  { what: 'many elements', bytes: encodeTerm([[], [], [], []]), limits: { elementsMax: 4 }, reason: /too many/ },
  { what: 'many characters', bytes: encodeTerm([1, 2, 3, 4]), limits: { elementsMax: 4 }, reason: /too many/ },
  { what: 'deep nesting', bytes: nested(100), limits: {}, reason: /deeper than 64/ },
  { what: 'nesting that would overflow the stack', bytes: nested(100_000), limits: {}, reason: /deeper than 64/ },
  { what: 'not a number', bytes: Buffer.from('83467ff8000000000000', 'hex'), limits: {}, reason: /bounds/ },
  { what: 'an atom of 256 characters', bytes: atomOf('x'.repeat(256)), limits: {}, reason: /too long/ },
  { what: 'an atom that is not UTF-8', bytes: Buffer.from('837701ff', 'hex'), limits: {}, reason: /UTF-8/ },
  {
    what: 'trailing bytes, when told so',
    bytes: Buffer.from('83610100', 'hex'),
    limits: { trailing: 'refused' },
    reason: /after/,
  },
  { what: 'a function with its environment', bytes: Buffer.from('837000000005', 'hex'), limits: {}, reason: /tag 112/ },
] satisfies readonly { what: string; bytes: Buffer; limits: Parameters<typeof decodeTerm>[1]; reason: RegExp }[]) {
  test(`${what} is malformed`, () => {
    const result = decodeTerm(bytes, limits)
    assert.ok(result.type === 'malformed')
    assert.match(result.reason, reason)
  })
}

test('bytes after a term are ignored, compressed or not', () => {
  const term = Buffer.from('x'.repeat(500))
  for (const compressFromBytes of [0, Infinity]) {
    assertTerm(decoded(`${encodeTerm(term, { compressFromBytes }).toString('hex')}0102`), term)
  }
})

for (const { what, hex, term } of [
  { what: 'a list whose tail is a list', hex: '836c0000000161016c0000000161026a', term: [1, 2] },
  { what: 'a list of none', hex: '836c000000006a', term: [] },
  { what: 'a list of none before its tail', hex: '836c000000006107', term: 7 },
  {
    what: 'a list whose tail is improper',
    hex: '836c0000000161016c0000000161026103',
    term: new ImproperList([1, 2], 3),
  },
  { what: 'bits beyond the last', hex: '834d0000000103bf', term: new Bitstring(Buffer.from([0xa0]), 3) },
  { what: 'a bitstring of whole bytes', hex: '834d0000000108bf', term: Buffer.from([0xbf]) },
  { what: 'an empty bitstring', hex: '834d0000000000', term: Buffer.alloc(0) },
  { what: 'a large integer that is small', hex: '836e08010500000000000000', term: -5 },
  { what: 'an integer of no bytes', hex: '836e0001', term: 0 },
  { what: 'minus zero, which is no integer', hex: '836e010100', term: 0 },
] satisfies readonly { what: string; hex: string; term: Term }[]) {
  test(`${what} is what Erlang takes it for`, () => assert.deepEqual(decoded(hex), term))
}

test('an atom of 255 characters beyond ASCII survives', () => {
  const atom = new Atom('ž'.repeat(255))
  assertTerm(decoded(encodeTerm(atom).toString('hex')), atom)
})

for (const { what, hex } of [
  { what: 'a pid', hex: '8358770161000000010000000000000000' },
  { what: 'an old pid', hex: '836777016100000001000000000000000000'.slice(0, 2 + 2 + 6 + 18) },
  { what: 'an external function', hex: '8371770665726c616e67770473656c666100' },
  { what: 'a reference', hex: '835a0003770161000000010000000200000003000000ff' },
]) {
  test(`${what} is carried along as it came`, () => assert.equal(encodeTerm(decoded(hex)).toString('hex'), hex))
}

test('random terms survive, compressed or not', () => {
  fc.assert(
    fc.property(termArbitrary, fc.boolean(), (term, compressed) => {
      const bytes = encodeTerm(term, { compressFromBytes: compressed ? 0 : Infinity })
      assertTerm(decoded(bytes.toString('hex')), term)
    }),
    { numRuns: 500 },
  )
})

test('two random terms are equal exactly if their keys are', () => {
  fc.assert(
    fc.property(termArbitrary, termArbitrary, (left, right) => {
      assert.equal(termsEqual(left, right), termKey(left) === termKey(right))
      assert.equal(termsEqual(left, left), true)
    }),
  )
})

test('random bytes never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.ok(['term', 'malformed'].includes(decodeTerm(Buffer.concat([Buffer.from([131]), bytes])).type))
    }),
    { numRuns: 2_000 },
  )
})

test('mutated frames never throw, and what they decode to can be encoded', () => {
  const frames = readConversation('two-nodes').flatMap(({ payload_hex }) => payload_hex ?? [])
  const mutation = fc.record({ at: fc.nat(), value: fc.nat(255) })
  fc.assert(
    fc.property(fc.constantFrom(...frames), fc.array(mutation, { minLength: 1, maxLength: 4 }), (hex, mutations) => {
      const bytes = Buffer.from(hex, 'hex')
      for (const { at, value } of mutations) bytes[1 + (at % (bytes.length - 1))] = value
      const result = decodeTerm(bytes)
      if (result.type === 'term') assertTerm(decoded(encodeTerm(result.term).toString('hex')), result.term)
    }),
    { numRuns: 2_000 },
  )
})

function decoded(hex: string): Term {
  const result = decodeTerm(Buffer.from(hex, 'hex'))
  assert.ok(result.type === 'term', result.type === 'malformed' ? `${result.reason}: ${hex}` : '')
  return result.term
}

function assertTerm(actual: Term, expected: Term, message?: string): void {
  // `deepEqual` first for its message would take the order of a map's keys for a difference.
  if (!termsEqual(actual, expected)) assert.deepEqual(actual, expected, message)
  assert.ok(termsEqual(actual, expected), message)
}

function nested(depth: number): Buffer {
  return Buffer.concat([
    Buffer.from([131]),
    ...Array.from({ length: depth }, () => Buffer.from([104, 1])),
    Buffer.from([106]),
  ])
}

function atomOf(name: string): Buffer {
  const utf8 = Buffer.from(name)
  return Buffer.concat([Buffer.from([131, 118, utf8.length >> 8, utf8.length & 0xff]), utf8])
}

const bytesArbitrary = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))

const { termArbitrary } = fc.letrec<{ termArbitrary: Term; leaf: Term }>((tie) => ({
  leaf: fc.oneof(
    fc.integer(),
    fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }).map(integer),
    fc.bigInt({ min: 2n ** 2100n, max: 2n ** 2101n }).map(integer),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => new Float(value)),
    fc.string({ unit: 'binary', maxLength: 20 }).map((name) => new Atom(name)),
    bytesArbitrary,
    fc
      .record({ bytes: fc.uint8Array({ minLength: 1, maxLength: 9 }), bits: fc.integer({ min: 1, max: 7 }) })
      .map(bitstring),
    fc.array(fc.nat(255), { maxLength: 30 }),
  ),
  termArbitrary: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('leaf'),
    fc.array(tie('termArbitrary'), { maxLength: 6 }),
    fc.array(tie('termArbitrary'), { maxLength: 6 }).map((elements) => new Tuple(elements)),
    fc
      .uniqueArray(fc.tuple(tie('termArbitrary'), tie('termArbitrary')), {
        maxLength: 6,
        selector: ([key]) => termKey(key),
      })
      .map((entries) => new TermMap(entries)),
    fc.tuple(fc.array(tie('termArbitrary'), { minLength: 1, maxLength: 4 }), tie('termArbitrary')).map(improper),
  ),
}))

function bitstring({ bytes, bits }: { bytes: Uint8Array; bits: number }): Bitstring {
  const buffer = Buffer.from(bytes)
  buffer[buffer.length - 1] = (buffer.at(-1) ?? 0) & ~(0xff >> bits)
  return new Bitstring(buffer, bits)
}

function improper([elements, tail]: [Term[], Term]): Term {
  return isList(tail) || tail instanceof ImproperList ? elements : new ImproperList(elements, tail)
}
