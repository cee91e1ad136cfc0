import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RegistersOfOne } from '../../../src/cluster/documents/registers-of-one.ts'
import { SharedRecords } from '../../../src/cluster/documents/shared-records.ts'

type Entry = { readonly colour: string }

const kind = {
  keyPrefix: 'things/',
  read: (plain: unknown): Entry | undefined =>
    typeof plain === 'object' && plain !== null && 'colour' in plain && typeof plain.colour === 'string'
      ? { colour: plain.colour }
      : undefined,
}

/** A member: what it was told last of each record, over copies that outlive it. */
async function member(node: string, registers: RegistersOfOne, copies = new Map<string, Uint8Array>()) {
  const told = new Map<string, Entry | null | undefined>()
  const logged: string[] = []
  const note = (_fields: object, event: string): void => void logged.push(event)
  const records = new SharedRecords(kind, {
    coordination: { self: { node, boot: node }, registers },
    log: { debug: note, info: note, warn: note, error: note },
    copyOf: (key) => ({
      path: key,
      read: () => copies.get(key),
      write: (bytes) => void copies.set(key, bytes),
    }),
    changed: (name, record) => void told.set(name, record),
  })
  records.start()
  await records.known
  return { records, told, copies, logged }
}

const no = (): never => {
  throw new RangeError('no')
}

const red = { colour: 'red' }
const blue = { colour: 'blue' }

test('what one member changes another one is told, and who comes later finds it', async () => {
  const registers = new RegistersOfOne()
  const [a, b] = [await member('a', registers), await member('b', registers)]
  for (const name of ['x', 'y', '__proto__', 'ä/ö']) await a.records.change(name, () => red)
  await b.records.change('y', (before) => (assert.deepEqual(before, red), blue))
  await b.records.change('x', () => null)
  const c = await member('c', registers)
  for (const { told } of [a, b, c])
    assert.deepEqual([told.get('x'), told.get('y'), told.get('__proto__'), told.get('ä/ö')], [null, blue, red, red])
})

test('of two who change one record at once both happen, one after the other', async () => {
  const registers = new RegistersOfOne()
  const [a, b] = [await member('a', registers), await member('b', registers)]
  const seen: unknown[] = []
  const change = (before: unknown, after: Entry): Entry => (seen.push(before), after)
  await Promise.all([
    a.records.change('x', (before) => change(before, red)),
    b.records.change('x', (before) => change(before, blue)),
  ])
  const last = a.told.get('x')
  assert.ok(last !== undefined && last !== null && ['red', 'blue'].includes(last.colour))
  assert.deepEqual(b.told.get('x'), last)
  // Whoever came second was shown what the first one had written.
  assert.ok(seen.some((before) => before !== undefined && before !== null))
})

test('what a decision throws changes nothing', async () => {
  const registers = new RegistersOfOne()
  const a = await member('a', registers)
  await a.records.change('x', () => red)
  await assert.rejects(a.records.change('x', no), /^RangeError: no$/)
  assert.deepEqual(a.told.get('x'), red)
})

test('all that was shared is lost: a member that remembers brings it back, and what nobody needs is not written', async () => {
  const copies = new Map<string, Uint8Array>()
  const before = await member('a', new RegistersOfOne(), copies)
  await before.records.change('x', () => red)
  const registers = new RegistersOfOne()
  const [a, b] = [await member('a', registers, copies), await member('b', registers)]
  assert.deepEqual(a.told.get('x'), red)
  await b.records.change('y', () => blue)
  assert.deepEqual(b.told.get('x'), red)
  assert.ok(b.copies.size <= 2, `${b.copies.size} documents`)
  assert.deepEqual([...new Set(b.logged)], ['shared_document_changed'])
})

test('a copy or a register that is damaged is told of and changes nothing', async () => {
  const registers = new RegistersOfOne()
  const a = await member('a', registers)
  await a.records.change('x', () => red)
  const [key = ''] = a.copies.keys()
  for (const bytes of [
    '',
    '[]',
    '{"version":0,"changed_on":"a","records":[]}',
    '{"version":9,"changed_on":"a","records":[["x",1]]}',
  ]) {
    const { revision } = await registers.read(key)
    await registers.write(key, Buffer.from(bytes), revision)
    assert.equal(a.logged.at(-1), 'shared_document_malformed')
    const b = await member('b', new RegistersOfOne(), new Map([[key, Buffer.from(bytes)]]))
    assert.deepEqual(b.logged, ['shared_document_copy_damaged'])
  }
  assert.deepEqual(a.told.get('x'), red)
})

test('a document that is full takes no more, but lets go', async () => {
  const a = await member('a', new RegistersOfOne())
  const colour = 'c'.repeat(100_000)
  const names: string[] = []
  let full: unknown
  for (let number = 0; full === undefined && number < 1_000; number++) {
    const name = `n${number}`
    try {
      await a.records.change(name, () => ({ colour }))
      names.push(name)
    } catch (error) {
      full = error
    }
  }
  assert.match(String(full), /things\/: no room for "n\d+": there are too many/)
  for (const name of names) await a.records.change(name, () => null)
  await a.records.change('again', () => ({ colour }))
})
