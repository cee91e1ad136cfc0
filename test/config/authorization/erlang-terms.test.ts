import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseTerms, type Term } from '../../../src/config/authorization/erlang-terms.ts'

/** Terms as JavaScript writes them: a tuple is an object, so that it differs from a list. */
function plain(term: Term): unknown {
  if ('items' in term) {
    const items = term.items.map(plain)
    return term.type === 'tuple' ? { tuple: items } : items
  }
  if (term.type === 'integer') return term.value
  return term.type === 'string' ? term.text : { [term.type]: term.text }
}

for (const { what, text, terms } of [
  { what: 'nothing', text: '', terms: [] },
  { what: 'comments and blanks', text: '%% one\n \t% two {allow, all}.\r\n', terms: [] },
  { what: 'a byte order mark', text: '\uFEFFa.', terms: [{ atom: 'a' }] },
  { what: 'a word', text: 'allow.', terms: [{ atom: 'allow' }] },
  { what: 'a word with all its characters', text: 'aZ_9@.', terms: [{ atom: 'aZ_9@' }] },
  { what: 'a word in quotes', text: "'and'.", terms: [{ atom: 'and' }] },
  { what: 'a text with a dot, a bracket and a comment in it', text: '"a.}% b".', terms: ['a.}% b'] },
  {
    what: 'a text with escapes',
    text: String.raw`"\"\\\n\t\s\x41\x{e9}\101\^a\q".`,
    terms: ['"\\\n\t A\u00E9A\u0001q'],
  },
  { what: 'a text without characters', text: '"".', terms: [''] },
  { what: 'texts beside each other', text: '"a" %c\n "b".', terms: ['ab'] },
  {
    what: 'a binary',
    text: '<<"a/#">>. << "b"/utf8 >>. <<>>.',
    terms: [{ binary: 'a/#' }, { binary: 'b' }, { binary: '' }],
  },
  { what: 'numbers', text: '0. -12.', terms: [0, -12] },
  {
    what: 'a tuple and a list',
    text: '{a, [1, "b"], {}, []}.',
    terms: [{ tuple: [{ atom: 'a' }, [1, 'b'], { tuple: [] }, []] }],
  },
  { what: 'a dot at the very end', text: '{a}.', terms: [{ tuple: [{ atom: 'a' }] }] },
  { what: 'a dot before a comment', text: 'a.% b\nc.', terms: [{ atom: 'a' }, { atom: 'c' }] },
]) {
  test(`terms: ${what}`, () => {
    const result = parseTerms(text)
    assert.deepEqual(result.problems, [])
    assert.deepEqual(result.terms.map(plain), terms)
  })
}

for (const { what, text, at, says, others = 0 } of [
  {
    what: 'a bracket that is not closed',
    text: '{a, b.\n{c}.',
    at: '1:6',
    says: /closes the `\{` of line 1/,
    others: 1,
  },
  { what: 'a bracket closed by another', text: '{a]. b.', at: '1:3', says: /expected `,` or `\}`/, others: 1 },
  { what: 'a comma too many', text: '{a,}. b.', at: '1:4', says: /`\}` stands where a value/, others: 1 },
  { what: 'a dot that was forgotten', text: '{a}\n{b}.', at: '2:1', says: /`\.`, which ends every rule/, others: 2 },
  {
    what: 'a dot that was forgotten at the end',
    text: '{a}',
    at: '1:4',
    says: /`\.`, which ends every rule/,
    others: 1,
  },
  { what: 'something after a term on its line', text: '{a} {b}. c.', at: '1:5', says: /`\.`/, others: 2 },
  { what: 'a rule of which only the beginning is there', text: '{a, ', at: '1:5', says: /text ends in the middle/ },
  { what: 'a dot in a rule', text: '{a, . b.', at: '1:5', says: /ends here with a `\.`/, others: 1 },
  { what: 'a dot without a blank', text: '{a}.{b}. c.', at: '1:4', says: /followed by a blank/, others: 2 },
  { what: 'a text that nobody closed', text: '{a, "b}.\n{c}.', at: '1:5', says: /no closing " on its line/, others: 1 },
  { what: 'a word that nobody closed', text: "{'a}.\n{c}.", at: '1:2', says: /no closing ' on its line/, others: 1 },
  { what: 'a binary that nobody closed', text: '{<<"a"}. b.', at: '1:2', says: /binary that is not closed/, others: 1 },
  { what: 'a single <', text: '{<}. b.', at: '1:2', says: /<<"text">>/, others: 1 },
  { what: 'a variable', text: '{Allow}. b.', at: '1:2', says: /words are written small/, others: 1 },
  { what: 'a map', text: '#{a => 1}. b.', at: '1:1', says: /`#` has no meaning/, others: 1 },
  { what: 'a number of many digits', text: '{12345678901}. b.', at: '1:2', says: /longer than any/, others: 1 },
  { what: 'a minus alone', text: '{-}. b.', at: '1:2', says: /begins no number/, others: 1 },
  { what: 'half a character', text: '{\uD800}. b.', at: '1:2', says: /U\+D800/, others: 1 },
]) {
  test(`terms: ${what} is told with its place, and hides nothing of what follows`, () => {
    const { terms, problems } = parseTerms(text)
    assert.equal(problems.length, 1, JSON.stringify(problems))
    const [{ line, column, message }] = problems as [{ line: number; column: number; message: string }]
    assert.equal(`${line}:${column}`, at)
    assert.match(message, says)
    assert.equal(terms.length, others)
  })
}

test('terms: brackets a thousand deep are refused, not followed', () => {
  for (const open of ['{', '[', '{a, [']) {
    const { terms, problems } = parseTerms(`${open.repeat(1000)}. b.`)
    assert.match(problems[0]?.message ?? '', /more than 32 deep/)
    assert.equal(terms.length, 1)
  }
})

test('terms: a text full of what is none ends soon', () => {
  const { problems } = parseTerms('"\n#'.repeat(100_000))
  assert.ok(problems.length > 0 && problems.length <= 200, String(problems.length))
})

const word = fc.constantFrom('allow', 'and', 'Word', 'x y', "it's", '', 'é')
const term: fc.Memo<unknown> = fc.memo((depth) =>
  depth <= 1
    ? fc.oneof(
        fc.record({ atom: word }, { noNullPrototype: true }),
        fc.string({ unit: 'grapheme' }),
        fc.record({ binary: fc.string() }, { noNullPrototype: true }),
        fc.integer({ min: -1000, max: 1000 }),
      )
    : fc.oneof(
        term(1),
        fc.array(term(depth - 1), { maxLength: 3 }),
        fc.record({ tuple: fc.array(term(depth - 1), { maxLength: 3 }) }, { noNullPrototype: true }),
      ),
)

function written(value: unknown): string {
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return quoted(value, '"')
  if (Array.isArray(value)) return `[${value.map(written).join(' ,')}]`
  const { atom, binary, tuple } = value as { atom?: string; binary?: string; tuple?: unknown[] }
  if (atom !== undefined) return quoted(atom, "'")
  return binary === undefined ? `{${(tuple ?? []).map(written).join(', ')}} % c\n` : `<<${quoted(binary, '"')}>>`
}

const quoted = (text: string, quote: string): string => {
  const inner = text
    .replaceAll('\\', '\\\\')
    .replaceAll(quote, `\\${quote}`)
    .replaceAll('\n', String.raw`\n`)
  return quote + inner + quote
}

test('property: what is written as Erlang is read as it was meant', () => {
  fc.assert(
    fc.property(fc.array(term(3)), (values) => {
      const { terms, problems } = parseTerms(values.map((value) => `${written(value)}.\n`).join(''))
      assert.deepEqual(problems, [])
      assert.deepEqual(terms.map(plain), values)
    }),
  )
})

test('property: any text is read or refused with places in it, and nothing is thrown', () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom('{', '}', '[', ']', '"', "'", '\\', '<<', '>>', '.', '.\n', ',', '%', 'allow', '\n'),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const text = pieces.join('')
      const lines = text.split('\n').length
      for (const { line, column } of parseTerms(text).problems) assert.ok(line >= 1 && line <= lines && column >= 1)
    }),
    { numRuns: 500 },
  )
})
