import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fuzz } from './fuzz-run.ts'
import { Fuzzer, minimize } from './fuzzer.ts'
import { watchBuffers } from './meter.ts'
import { mutate } from './mutate.ts'
import { Random } from './random.ts'
import { targetNamed, targets } from './targets.ts'

const directory = mkdtempSync(join(tmpdir(), 'isthmus-fuzz-'))
process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
watchBuffers()

const hashOf = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('hex')

for (const { what, input, kind, words } of [
  { what: 'an exception', input: 'throw', kind: 'threw', words: /planted: thrown/ },
  { what: 'a rejection', input: 'reject', kind: 'threw', words: /planted: rejected/ },
  { what: 'an exception that comes late', input: 'late', kind: 'crashed', words: /planted: late/ },
  { what: 'a stall', input: 'stall', kind: 'stalled', words: /ms in one turn/ },
  { what: 'an endless loop', input: 'endless', kind: 'hung', words: /no end/ },
  { what: 'a buffer that is too large', input: 'buffer', kind: 'allocated', words: /a buffer of 5000 bytes, 4096/ },
  { what: 'too many objects', input: 'heap', kind: 'allocated', words: /of heap/ },
  { what: 'a heap that never ends growing', input: 'out of memory', kind: 'crashed', words: /memory/ },
] as const) {
  test(`the fuzzer sees ${what}, and keeps the input`, async () => {
    const options = {
      target: 'planted',
      seed: 1,
      seconds: 60,
      input: Buffer.from(input),
      directory,
      hangMs: kind === 'hung' ? 3000 : 60_000,
    }
    const { finding, found } = await fuzz(options)
    assert.equal(finding?.kind, kind, finding?.words)
    assert.match(finding.words, words)
    assert.ok(found !== undefined)
    assert.equal(readFileSync(found.file, 'utf8'), input)
  })
}

test('inputs that are good give a report of how many there were', async () => {
  const { finding, inputs } = await fuzz({ target: 'planted', seed: 1, seconds: 0.2, directory })
  assert.equal(finding, undefined)
  assert.ok(inputs > 0)
})

test('seed and number make the input, in whatever order it is asked for', () => {
  for (const { name } of targets) {
    const first = new Fuzzer(targetNamed(name), 7)
    const inputs = Array.from({ length: 50 }, (_, index) => hashOf(first.inputAt(index)))
    const second = new Fuzzer(targetNamed(name), 7)
    for (const index of [49, 0, 20, 20]) assert.equal(hashOf(second.inputAt(index)), inputs[index], name)
    const other = new Fuzzer(targetNamed(name), 8)
    assert.notDeepEqual(
      inputs,
      inputs.map((_, index) => hashOf(other.inputAt(index))),
    )
  }
})

test('a mutated input keeps within its limit, and the one that it was made of stays', () => {
  const input = Buffer.from('0123456789')
  const options = { dictionary: [Buffer.from('token')], others: [Buffer.from('other')], bytesMax: 100 }
  const made = Array.from({ length: 2000 }, (_, seed) => mutate(input, new Random(seed), options))
  assert.ok(made.every(({ length }) => length <= 100))
  assert.equal(input.toString(), '0123456789')
  assert.ok(new Set(made.map(String)).size > 1000)
  for (const piece of ['token', 'other'])
    assert.ok(
      made.some((bytes) => bytes.includes(piece)),
      piece,
    )
})

test('a bad input is cut down to what is bad about it', async () => {
  const fuzzer = new Fuzzer(targetNamed('planted'), 1)
  const input = Buffer.from('tiny and many')
  const finding = await fuzzer.judge(input)
  assert.ok(finding !== undefined)
  assert.equal((await minimize(fuzzer, input, finding)).toString(), 't')
})
