/** The decoder of Erlang terms: whatever comes in is a term or none, and a term stays the same when it is written and read again. */
import assert from 'node:assert/strict'
import { decodeTerm, encodeTerm } from '../../../src/link/emqx/etf.ts'
import { decodeLinkMessage } from '../../../src/link/emqx/link-message.ts'
import { decodeRouteMessage, encodeRouteMessage } from '../../../src/link/emqx/route-ops.ts'
import { termsEqual } from '../../../src/link/emqx/term.ts'
import { readConversation, readGoldenBad, readGoldenTerms } from '../../link/emqx/wire-fixtures.ts'
import { byteMutation, type FuzzTarget } from '../target.ts'
import { TermMaker } from '../term-maker.ts'

/** As many as a node takes with default settings. */
const BYTES_MAX = 1_048_576
const limits = { bufferBytesMax: BYTES_MAX + 1024, buffersBytesMax: 4 * BYTES_MAX, heapBytesMax: 32 * 2 ** 20 }
const dictionary = [
  '83',
  '8350',
  '6a',
  '6101',
  '6800',
  '6801',
  '69ffffffff',
  '6c00000001',
  '6cffffffff',
  '7400000001',
  '74ffffffff',
  '6d00000000',
  '6dffffffff',
  '6e0800ffffffffffffffff',
  '6f0001000000',
  '77036f6b6b',
  '7703246f70',
  '6b0002',
  '6bffff',
  '4d0000000107ff',
  '467ff8000000000000',
].map((digits) => Buffer.from(digits, 'hex'))

export const termsTarget: FuzzTarget = {
  name: 'terms',
  seeds: () => recordedTerms(),
  generate(random) {
    const maker = new TermMaker(random, random.size(2000))
    const kind = random.fraction()
    if (kind < 0.03) return maker.bomb()
    return kind < 0.08 ? maker.nest() : maker.whole()
  },
  mutate: byteMutation({ dictionary, bytesMax: BYTES_MAX }),
  run(input, meter) {
    const bounds = { bytesMax: BYTES_MAX }
    const decoded = meter.turn(limits, () => decodeTerm(input, bounds))
    const message = meter.turn(limits, () => decodeLinkMessage(input, bounds))
    const route = meter.turn(limits, () => decodeRouteMessage(input, bounds))
    if (decoded.type === 'malformed') {
      assert.equal(message.type, 'malformed')
      assert.equal(route.type, 'malformed')
      return
    }
    const again = decodeTerm(encodeTerm(decoded.term), { bytesMax: 4 * BYTES_MAX })
    assert.ok(
      again.type === 'term' && termsEqual(decoded.term, again.term),
      'written and read again, it is another term',
    )
    if (route.type !== 'malformed' && route.type !== 'unknown') {
      const { type } = decodeRouteMessage(encodeRouteMessage(route))
      assert.equal(type, route.type)
    }
  },
}

let recorded: readonly Buffer[] | undefined

/** Every payload of the recorded frames, and every golden term: what a real EMQX says. */
export function recordedTerms(): readonly Buffer[] {
  recorded ??= [...readConversation('two-nodes'), ...readConversation('hand-made-dialler')]
    .flatMap(({ payload_hex }) => (payload_hex === undefined ? [] : [payload_hex]))
    .concat(readGoldenTerms().flatMap(({ default: plain, compressed, minor0 }) => [plain, compressed, minor0]))
    .concat(readGoldenBad().map(({ hex }) => hex))
    .filter((digits, at, all) => digits !== undefined && digits.length < 20_000 && all.indexOf(digits) === at)
    .map((digits) => Buffer.from(digits, 'hex'))
  return recorded
}
