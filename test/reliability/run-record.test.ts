/** The records of runs: what is written is read again as it was, and half a record is none. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import {
  commandLine,
  KINDS,
  readRecord,
  recordFile,
  runHeader,
  writeRecord,
} from '../../scripts/reliability/run-record.ts'
import { madeUpRecords } from './made-up-records.ts'

const inDirectory = (body: (directory: string) => void): void => {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-records-'))
  try {
    body(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

for (const kind of KINDS)
  test(`a record of ${kind} is read as it was written`, () =>
    inDirectory((directory) => {
      const record = madeUpRecords()[kind]
      assert.equal(writeRecord(join(directory, 'new'), record), recordFile(join(directory, 'new'), kind))
      assert.deepEqual(readRecord(join(directory, 'new'), kind), record)
      assert.deepEqual(readdirSync(join(directory, 'new')), [`${kind}.json`])
    }))

test('where there is no record there is none', () =>
  inDirectory((directory) => assert.equal(readRecord(directory, 'sim'), undefined)))

for (const { when, text, words } of [
  { when: 'is cut off', text: '{ "kind": "fuzz",', words: /fuzz\.json is no JSON/ },
  { when: 'lacks its figures', text: '{ "kind": "fuzz" }', words: /fuzz\.json is no record:[^]*targets/ },
  {
    when: 'has a figure that nobody knows',
    text: JSON.stringify({ ...madeUpRecords().fuzz, bugs: 0 }),
    words: /fuzz\.json is no record:[^]*bugs/,
  },
  { when: 'is of another kind', text: JSON.stringify(madeUpRecords().soak), words: /holds a record of soak/ },
])
  test(`a file that ${when} is refused by name`, () =>
    inDirectory((directory) => {
      writeFileSync(recordFile(directory, 'fuzz'), text)
      assert.throws(() => readRecord(directory, 'fuzz'), words)
    }))

test('what is not of its shape is not written', () =>
  inDirectory((directory) => {
    const { fuzz } = madeUpRecords()
    assert.throws(() => writeRecord(directory, { ...fuzz, seed: -1 }), /seed/)
    assert.deepEqual(readdirSync(directory), [])
  }))

for (const { args, words } of [
  { args: [], words: 'npm run sim' },
  { args: ['--seed', '7', '--record', 'out'], words: 'npm run sim -- --seed 7' },
  { args: ['--record=out', '--minutes', '3'], words: 'npm run sim -- --minutes 3' },
  { args: ['--cell', 'QoS 1'], words: `npm run sim -- --cell 'QoS 1'` },
])
  test(`${JSON.stringify(args)} is repeated by ${words}`, () => assert.equal(commandLine('sim', args), words))

test('the header says what ran where', () => {
  const header = runHeader('model', 'npm run model', 1.234)
  const { at, commit, machine, ...rest } = header
  assert.deepEqual(rest, { kind: 'model', command: 'npm run model', minutes: 1.23 })
  assert.match(commit, /^[0-9a-f]{40}(-dirty)?$/)
  assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000)
  assert.equal(machine.node, process.version)
})
