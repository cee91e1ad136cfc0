import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { linkEdits } from '../../../src/cluster/config/link-edits.ts'
import { SharedLinksFile } from '../../../src/cluster/config/shared-links-file.ts'
import { decodeSharedLinks, encodeSharedLinks } from '../../../src/cluster/config/shared-links-record.ts'
import { SharedLinksStore } from '../../../src/cluster/config/shared-links-store.ts'
import type { LinkConfig } from '../../../src/config/config.ts'
import { ManualClock } from '../../broker/manual-clock.ts'
import { SimulatedNetwork } from '../sim/simulated-coordination.ts'
import { links } from './topic-links.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

function dataDir(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-shared-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

class Cluster {
  readonly clock = new ManualClock()
  readonly network = new SimulatedNetwork(this.clock)
  readonly directories = new Map<string, string>()
  readonly #t: TestContext

  constructor(t: TestContext) {
    this.#t = t
  }

  member(name: string, fileLinks: readonly LinkConfig[]) {
    const coordination = this.network.join(name, `${name}-${Math.random()}`)
    const directory = this.directories.get(name) ?? dataDir(this.#t)
    this.directories.set(name, directory)
    const running: (readonly LinkConfig[])[] = []
    const store = new SharedLinksStore(
      {
        coordination,
        log: silent,
        file: new SharedLinksFile(directory, 'here'),
        clusterName: 'here',
        changed: (now) => running.push(now),
      },
      fileLinks,
    )
    store.start()
    return { coordination, store, running, topics: () => store.links.map(({ topics }) => topics.join()).toSorted() }
  }

  /** Lets time pass until nothing is on its way any more. */
  async settle(): Promise<void> {
    for (let i = 0; i < 30; i++) {
      this.clock.advance(1)
      await turn()
    }
  }
}

test('the first member writes the links of its file; one that comes later follows them', async (t) => {
  const cluster = new Cluster(t)
  const first = cluster.member('n1', links(['eu', 'a']))
  await cluster.settle()
  const second = cluster.member('n2', links(['eu', 'other'], ['us', 'b']))
  await cluster.settle()
  assert.deepEqual(first.topics(), ['a'])
  assert.deepEqual(second.topics(), ['a'])
  assert.deepEqual(
    second.running.map((now) => now.map(({ name }) => name)),
    [['eu']],
  )
})

test('two members that start at once end with the links of one of them', async (t) => {
  const cluster = new Cluster(t)
  const first = cluster.member('n1', links(['eu', 'a']))
  const second = cluster.member('n2', links(['us', 'b']))
  await cluster.settle()
  assert.deepEqual(first.topics(), second.topics())
  assert.equal(first.topics().length, 1)
})

test('a link changed, made and deleted on any member runs so on all, also when two edit at once', async (t) => {
  const cluster = new Cluster(t)
  const before = links(['eu', 'a'], ['us', 'b'])
  const members = [cluster.member('n1', before), cluster.member('n2', before), cluster.member('n3', before)]
  await cluster.settle()
  const edits = Promise.all([
    members[0]!.store.change(() => linkEdits(before, links(['eu', 'a2'], ['us', 'b']))),
    members[1]!.store.change(() => linkEdits(before, links(['eu', 'a'], ['us', 'b'], ['asia', 'c']))),
    members[2]!.store.change(() => linkEdits(before, links(['eu', 'a']))),
  ])
  await cluster.settle()
  await edits
  for (const member of members) assert.deepEqual(member.topics(), ['a2', 'c'])
})

test('who decides by what the links are is asked again when another was faster, and may refuse', async (t) => {
  const cluster = new Cluster(t)
  const before = links(['eu', 'a'])
  const members = [cluster.member('n1', before), cluster.member('n2', before), cluster.member('n3', before)]
  await cluster.settle()
  const done = Promise.allSettled(
    members.map(({ store }) =>
      store.change((now) => {
        if (!now.some(({ name }) => name === 'eu')) throw new Error('it is gone')
        return [{ type: 'delete', name: 'eu' }]
      }),
    ),
  )
  await cluster.settle()
  const outcomes = (await done).map((one) => (one.status === 'fulfilled' ? 'done' : String(one.reason)))
  assert.deepEqual(outcomes.toSorted(), ['Error: it is gone', 'Error: it is gone', 'done'])
  for (const { topics, store } of members) assert.deepEqual([topics(), store.version], [[], 2])
})

test('a member that was cut off catches up, and can change nothing meanwhile', async (t) => {
  const cluster = new Cluster(t)
  const before = links(['eu', 'a'])
  const [here, away] = [cluster.member('n1', before), cluster.member('n2', before)]
  await cluster.settle()
  away.coordination.cut()
  const inVain = assert.rejects(
    away.store.change(() => linkEdits(before, [])),
    { code: 'COORDINATION_LOST' },
  )
  const done = here.store.change(() => linkEdits(before, links(['eu', 'new'])))
  await cluster.settle()
  await Promise.all([inVain, done])
  assert.deepEqual(away.topics(), ['a'])
  away.coordination.heal()
  await cluster.settle()
  assert.deepEqual(away.topics(), ['new'])
})

test('when all state is lost, the newest links that anybody knows are shared again, not those of a file', async (t) => {
  const cluster = new Cluster(t)
  const before = links(['eu', 'a'])
  const [first, second] = [cluster.member('n1', before), cluster.member('n2', before)]
  await cluster.settle()
  const changed = first.store.change(() => linkEdits(before, links(['eu', 'new'])))
  await cluster.settle()
  await changed
  cluster.network.wipe()
  const third = cluster.member('n3', links(['eu', 'stale']))
  await cluster.settle()
  for (const member of [first, second, third]) assert.deepEqual(member.topics(), ['new'])
})

test('a member that starts without the others begins with what it knew last', async (t) => {
  const cluster = new Cluster(t)
  const before = links(['eu', 'a'])
  const first = cluster.member('n1', before)
  await cluster.settle()
  const changed = first.store.change(() => linkEdits(before, links(['eu', 'new'])))
  await cluster.settle()
  await changed
  first.store.stop()
  await first.coordination.close()
  const again = cluster.member('n1', before)
  again.coordination.cut()
  await cluster.settle()
  assert.deepEqual(again.topics(), ['new'])
})

test("a member's copy is readable for its owner alone; a damaged one is not used", async (t) => {
  const directory = dataDir(t)
  const file = new SharedLinksFile(directory, 'here')
  assert.equal(file.read(), undefined)
  file.copy.write(encodeSharedLinks({ version: 3, links: links(['eu', 'a']), changedOn: 'n1' }))
  assert.equal(statSync(file.path).mode & 0o777, 0o600)
  const read = file.read()
  assert.equal(read?.type === 'ok' && read.shared.version, 3)
  writeFileSync(file.path, 'noise')
  assert.equal(file.read()?.type, 'malformed')
})

test('links come back from a record as they went in, infinite limits included', () => {
  const shared = { version: 7, links: links(['eu', 'a'], ['us', 'b/#']), changedOn: 'n1' }
  const decoded = decodeSharedLinks(encodeSharedLinks(shared), 'here')
  assert.deepEqual(decoded, { type: 'ok', shared })
})

test('a link whose certificate lacks on this node comes back all the same', () => {
  const [link] = links(['eu', 'a'])
  const ssl = { ...link!.ssl, enable: true, cacertfile: '/nowhere/ca.pem' }
  const shared = { version: 7, links: [{ ...link!, ssl }], changedOn: 'n1' }
  assert.deepEqual(decodeSharedLinks(encodeSharedLinks(shared), 'here'), { type: 'ok', shared })
})

for (const { what, bytes } of [
  { what: 'noise', bytes: Buffer.from('noise') },
  {
    what: 'a link without a server',
    bytes: encodeSharedLinks({ version: 1, links: [{ name: 'x' } as never], changedOn: 'n' }),
  },
  {
    what: 'a version that is no number',
    bytes: encodeSharedLinks({ version: 'x' as never, links: [], changedOn: 'n' }),
  },
])
  test(`a record of links: ${what} is told, never thrown`, () => {
    assert.equal(decodeSharedLinks(bytes, 'here').type, 'malformed')
  })
