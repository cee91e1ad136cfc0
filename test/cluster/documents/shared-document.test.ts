import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { CopyFile } from '../../../src/cluster/documents/copy-file.ts'
import { RegistersOfOne } from '../../../src/cluster/documents/registers-of-one.ts'
import { type DocumentKind, SharedDocument } from '../../../src/cluster/documents/shared-document.ts'
import { ManualClock } from '../../broker/manual-clock.ts'
import { SimulatedNetwork } from '../sim/simulated-coordination.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** Words with spaces between them. */
const words: DocumentKind<string> = {
  key: 'config/words',
  encode: ({ version, value, changedOn }) => Buffer.from(`${version}\n${changedOn}\n${value}`),
  decode: (bytes) => {
    const [version, changedOn, value] = Buffer.from(bytes).toString().split('\n')
    if (version === undefined || changedOn === undefined || value === undefined)
      return { type: 'malformed', reason: 'a line is missing' }
    return { type: 'ok', shared: { version: Number(version), changedOn, value } }
  },
}

function dataDir(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-document-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

class Cluster {
  readonly clock = new ManualClock()
  readonly network = new SimulatedNetwork(this.clock)

  member(name: string, directory: string, initial: string) {
    const coordination = this.network.join(name, `${name}-${Math.random()}`)
    const told: string[] = []
    const ports = {
      coordination,
      log: silent,
      copy: new CopyFile(directory, 'words'),
      changed: (value: string) => void told.push(value),
    }
    const document = new SharedDocument(words, ports, initial)
    document.start()
    return { coordination, document, told }
  }

  /** Lets time pass until nothing is on its way any more. */
  async settle(): Promise<void> {
    for (let i = 0; i < 30; i++) {
      this.clock.advance(1)
      await turn()
    }
  }
}

test('of members that start at once one says what the document is, and a question asked of all is answered by one', async (t) => {
  const cluster = new Cluster()
  const members = ['n1', 'n2', 'n3'].map((name) => cluster.member(name, dataDir(t), ''))
  await cluster.settle()
  await Promise.all(members.map(({ document }) => document.known))
  const changed = Promise.all(
    members.map(({ document, coordination }) =>
      document.change((value) => (value === '' ? `first of ${coordination.self.node}` : value)),
    ),
  )
  await cluster.settle()
  const [one, ...others] = await changed
  assert.match(one!, /^first of n\d$/)
  assert.deepEqual(others, [one, one])
  assert.deepEqual(
    members.map(({ document }) => [document.value, document.version]),
    [1, 2, 3].map(() => [one, 2]),
  )
})

test('who decides that nothing is to change changes nothing, and what he throws is what the caller hears', async (t) => {
  const cluster = new Cluster()
  const { document, told } = cluster.member('n1', dataDir(t), 'a')
  await cluster.settle()
  const same = document.change((value) => value)
  const refused = assert.rejects(
    document.change(() => {
      throw new Error('no such word')
    }),
    { message: 'no such word' },
  )
  await cluster.settle()
  assert.equal(await same, 'a')
  await refused
  assert.deepEqual([document.version, told], [1, ['a']])
})

test('it is not known until it is shared, and a start without the others goes on with the copy', async (t) => {
  const cluster = new Cluster()
  const directory = dataDir(t)
  const first = cluster.member('n1', directory, 'a')
  await cluster.settle()
  const changed = first.document.change((value) => `${value} b`)
  await cluster.settle()
  await changed
  first.document.stop()
  await first.coordination.close()
  const again = cluster.member('n1', directory, 'other')
  again.coordination.cut()
  await cluster.settle()
  const isKnown = await Promise.race([again.document.known.then(() => true), turn(false)])
  assert.deepEqual([isKnown, again.document.value], [false, 'a b'])
  again.coordination.heal()
  await cluster.settle()
  await again.document.known
})

test('when all state is lost, the newest that anybody knows is shared again', async (t) => {
  const cluster = new Cluster()
  const { document } = cluster.member('n1', dataDir(t), 'a')
  await cluster.settle()
  const changed = document.change((value) => `${value} b`)
  await cluster.settle()
  await changed
  cluster.network.wipe()
  const late = cluster.member('n2', dataDir(t), 'stale')
  await cluster.settle()
  assert.deepEqual([document.value, late.document.value], ['a b', 'a b'])
})

test('a document whose key begins like that of another is another', async (t) => {
  const cluster = new Cluster()
  const { document, coordination } = cluster.member('n1', dataDir(t), 'a')
  await cluster.settle()
  const written = coordination.registers.write('config/words-of-others', Buffer.from('9\nn9\nx'), 0)
  await cluster.settle()
  await written
  assert.equal(document.value, 'a')
})

test('a node that is alone has the same, and its copy is readable for its owner alone', async (t) => {
  const directory = dataDir(t)
  const open = (): SharedDocument<string> => {
    const coordination = { self: { node: 'n1', boot: 'b' }, registers: new RegistersOfOne() }
    const copy = new CopyFile(directory, 'words')
    return new SharedDocument(words, { coordination, log: silent, copy, changed: () => undefined }, 'a')
  }
  const first = open()
  first.start()
  await first.known
  await first.change((value) => `${value} b`)
  first.stop()
  assert.equal(statSync(join(directory, 'words')).mode & 0o777, 0o600)
  const again = open()
  again.start()
  await again.known
  assert.deepEqual([again.value, again.version], ['a b', 2])
  again.stop()
  writeFileSync(join(directory, 'words'), 'noise')
  const damaged = open()
  damaged.start()
  await damaged.known
  assert.deepEqual([damaged.value, damaged.version], ['a', 1])
})
