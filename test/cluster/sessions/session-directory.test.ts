/** Claims of sessions over a network that cuts and loses, and the questions by which a session moves. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { ClusterError } from '../../../src/cluster/cluster-error.ts'
import { Requests } from '../../../src/cluster/requests.ts'
import { type Confirmation, SessionDirectory, type Successor } from '../../../src/cluster/sessions/session-directory.ts'
import { ManualClock } from '../../broker/manual-clock.ts'
import { SimulatedNetwork } from '../sim/simulated-coordination.ts'

const silent = (error: unknown): boolean => error instanceof ClusterError && error.code === 'MEMBER_SILENT'

type Told = { readonly node: string; readonly clientId: string; readonly stamp: number | undefined }

class Stage {
  readonly clock = new ManualClock()
  readonly network = new SimulatedNetwork(this.clock)
  readonly nodes: Node[] = []
  readonly t: TestContext

  constructor(t: TestContext) {
    this.t = t
  }

  node(name: string, clock = this.clock): Node {
    const node = new Node(this, name, clock)
    this.nodes.push(node)
    return node
  }

  tell(told: Told): void {
    for (const { directory, name, isCut } of this.nodes) {
      if (name === told.node || isCut) continue
      if (told.stamp === undefined) directory.unclaimed(told.node, told.clientId)
      else directory.claimed(told.node, told.clientId, told.stamp)
    }
  }

  async settled<T>(promise: Promise<T>): Promise<T> {
    const state = { isOver: false }
    const over = (): void => void (state.isOver = true)
    promise.then(over, over)
    for (let step = 0; step < 20_000 && !state.isOver; step++) {
      this.clock.advance(1)
      await new Promise((resolve) => setImmediate(resolve))
    }
    return promise
  }
}

class Node {
  readonly name: string
  readonly directory: SessionDirectory
  readonly facts = new Map<string, number>()
  /** What the broker was asked, in words. */
  readonly asked: string[] = []
  handed: Buffer | undefined = Buffer.from('session')
  confirmation: Confirmation = { type: 'confirmed', late: undefined }
  isCut = false
  readonly coordination

  constructor(stage: Stage, name: string, clock: ManualClock) {
    this.name = name
    this.coordination = stage.network.join(name, `${name}-1`)
    const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
    const requests = new Requests({ coordination: this.coordination, clock: stage.clock, log })
    this.directory = new SessionDirectory({ coordination: this.coordination, clock, log, requests })
    this.directory.attach({
      release: async (node: string, clientId: string, { cleanStart, username }: Successor) => {
        this.asked.push(`release ${clientId} to ${node} clean=${cleanStart} ${username}`)
        return this.handed
      },
      confirmed: (node, clientId) => {
        this.asked.push(`confirmed ${clientId} ${node}`)
        return this.confirmation
      },
      late: async (clientId, bytes) => {
        if (String(bytes) === 'refuse') throw new Error(`no session of ${clientId}`)
        this.asked.push(`late ${clientId} ${String(bytes)}`)
      },
      superseded: (clientId, node) => {
        this.asked.push(`superseded ${clientId} ${node}`)
        this.directory.absent(clientId)
      },
    })
    this.directory.start({
      claim: (clientId, stamp) => {
        this.facts.set(clientId, stamp)
        if (!this.isCut) stage.tell({ node: name, clientId, stamp })
      },
      unclaim: (clientId) => {
        this.facts.delete(clientId)
        if (!this.isCut) stage.tell({ node: name, clientId, stamp: undefined })
      },
    })
    stage.t.after(() => {
      this.directory.stop()
      requests.stop()
    })
  }
}

test('the newest claim says where a session is, and whoever has an older one gives it up', (t) => {
  const stage = new Stage(t)
  const [a, b, c] = [stage.node('a'), stage.node('b'), stage.node('c')]
  a.directory.present('s')
  assert.deepEqual(
    [a, b, c].map(({ directory }) => directory.ownerOf('s')),
    [undefined, 'a', 'a'],
  )
  b.directory.present('s')
  assert.deepEqual(a.asked, ['superseded s b'])
  assert.deepEqual(
    [a, b, c].map(({ directory }) => directory.ownerOf('s')),
    ['b', undefined, 'b'],
  )
  b.directory.absent('s')
  assert.deepEqual(
    [a, b, c].map(({ directory }) => directory.ownerOf('s')),
    [undefined, undefined, undefined],
  )
})

test('a node whose clock is an hour behind claims what comes to it all the same', (t) => {
  const stage = new Stage(t)
  const behind = new ManualClock()
  behind.setWall(-3_600_000)
  const [a, b] = [stage.node('a'), stage.node('b', behind)]
  a.directory.present('s')
  b.directory.present('s')
  assert.equal(a.directory.ownerOf('s'), 'b')
  assert.ok(b.facts.get('s')! > 0 && a.facts.get('s') === undefined)
  a.directory.present('s')
  assert.deepEqual(b.asked, ['superseded s a'])
})

test('two nodes that both served the client while they were cut off: one of them has it afterwards', (t) => {
  const stage = new Stage(t)
  const [a, b] = [stage.node('a'), stage.node('b')]
  b.isCut = true
  // The very same moment for 's', a later one for 'later'.
  a.directory.present('s')
  b.directory.present('s')
  a.directory.present('later')
  stage.clock.advance(10)
  b.directory.present('later')
  b.isCut = false
  const told = [a, b].flatMap(({ name, facts }) =>
    [...facts].map(([clientId, stamp]) => ({ node: name, clientId, stamp })),
  )
  for (const claim of told) stage.tell(claim)
  assert.deepEqual(a.asked, ['superseded s b', 'superseded later b'])
  assert.deepEqual(b.asked, [])
})

for (const { since, wins } of [
  { since: 'nobody knows when', wins: 'b' },
  { since: 'before', wins: 'b' },
  { since: 'after', wins: 'a' },
])
  test(`a session from a store whose client left ${since}: it is at ${wins}`, (t) => {
    const stage = new Stage(t)
    const [a, b] = [stage.node('a'), stage.node('b')]
    const beganMs = stage.clock.nowMs()
    stage.clock.advance(1000)
    b.directory.present('s')
    stage.clock.advance(1000)
    a.directory.present('s', { 'nobody knows when': 0, before: beganMs, after: beganMs + 1500 }[since])
    assert.equal(stage.node('c').directory.ownerOf('s'), undefined)
    assert.deepEqual([...a.asked, ...b.asked], [`superseded s ${wins}`])
    assert.equal((wins === 'a' ? b : a).directory.ownerOf('s'), wins)
  })

test('what was claimed before others could be told is told when they can', (t) => {
  const stage = new Stage(t)
  const a = stage.node('a')
  a.directory.stop()
  for (let n = 0; n < 5_000; n++) a.directory.present(`s${n}`)
  assert.equal(a.facts.size, 0)
  const claimed = new Map<string, number>()
  a.directory.start({ claim: (clientId, stamp) => void claimed.set(clientId, stamp), unclaim: () => undefined })
  assert.ok(claimed.size < 5_000)
  stage.clock.advance(1)
  assert.equal(claimed.size, 5_000)
})

test('a session is taken, confirmed and followed by what came late', async (t) => {
  const stage = new Stage(t)
  const [a, b] = [stage.node('a'), stage.node('b')]
  const { directory } = b
  const taken = await stage.settled(directory.take('a', 's', { cleanStart: false, username: 'u' }))
  assert.ok(Buffer.isBuffer(taken) && String(taken) === 'session')
  assert.deepEqual(await stage.settled(directory.confirm('a', 's')), { type: 'confirmed', late: undefined })
  a.confirmation = { type: 'confirmed', late: Buffer.from('late') }
  const confirmation = await stage.settled(directory.confirm('a', 's'))
  assert.ok(confirmation.type === 'confirmed' && String(confirmation.late) === 'late')
  a.confirmation = { type: 'refused', words: 'it is back' }
  assert.deepEqual(await stage.settled(directory.confirm('a', 's')), a.confirmation)
  a.handed = undefined
  assert.equal(await stage.settled(directory.take('a', 's', { cleanStart: true, username: undefined })), undefined)
  await stage.settled(a.directory.forward('b', 's', Buffer.from('more')))
  await assert.rejects(stage.settled(a.directory.forward('b', 's', Buffer.from('refuse'))), /no session of s/)
  assert.deepEqual(a.asked, [
    'release s to b clean=false u',
    'confirmed s b',
    'confirmed s b',
    'confirmed s b',
    'release s to b clean=true undefined',
  ])
  assert.deepEqual(b.asked, ['late s more'])
})

test('a large session comes in parts; one that does not come within three seconds does not come', async (t) => {
  const stage = new Stage(t)
  const [a, b] = [stage.node('a'), stage.node('b')]
  a.handed = Buffer.alloc(10_000_000, 'x')
  const taken = await stage.settled(b.directory.take('a', 's', { cleanStart: false, username: undefined }))
  assert.equal(taken?.length, 10_000_000)
  a.coordination.cut()
  const beganMs = stage.clock.steadyMs()
  await assert.rejects(stage.settled(b.directory.take('a', 's', { cleanStart: false, username: undefined })), silent)
  assert.ok(stage.clock.steadyMs() - beganMs <= 3_010)
})

test('questions that say nothing are refused', async (t) => {
  const stage = new Stage(t)
  const a = stage.node('a')
  const coordination = stage.network.join('stranger', 'x')
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
  const requests = new Requests({ coordination, clock: stage.clock, log })
  t.after(() => requests.stop())
  for (const kind of ['session.take', 'session.confirm', 'session.late'])
    for (const body of [null, 7, {}, { clientId: 1 }, { clientId: 's', cleanStart: 'no', late: 'text' }])
      if (kind !== 'session.confirm' || !Object.hasOwn(Object(body), 'late'))
        await assert.rejects(stage.settled(requests.ask('a', kind, body, 100)), { code: 'MEMBER_REFUSED' })
  assert.deepEqual(a.asked, [])
})
