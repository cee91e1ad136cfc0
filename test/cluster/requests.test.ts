/** Questions between nodes, over a network that loses, delays and cuts. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { Packr } from 'msgpackr'
import { ClusterError } from '../../src/cluster/cluster-error.ts'
import { Requests } from '../../src/cluster/requests.ts'
import { ManualClock } from '../broker/manual-clock.ts'
import { type SimulatedCoordination, SimulatedNetwork } from './sim/simulated-coordination.ts'

const packr = new Packr({ useRecords: false })

class Stage {
  readonly clock = new ManualClock()
  readonly network = new SimulatedNetwork(this.clock)
  readonly log: string[] = []
  readonly #t: TestContext

  constructor(t: TestContext) {
    this.#t = t
  }

  node(name: string, boot = `${name}-1`): { requests: Requests; coordination: SimulatedCoordination } {
    const coordination = this.network.join(name, boot)
    const write = (_fields: object, event: string): void => void this.log.push(event)
    const log = { debug: write, info: write, warn: write, error: write }
    const requests = new Requests({ coordination, clock: this.clock, log })
    this.#t.after(() => requests.stop())
    return { requests, coordination }
  }

  /** Time goes on until this has come to an end, whichever. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    const state = { isOver: false }
    const over = (): void => void (state.isOver = true)
    promise.then(over, over)
    for (let step = 0; step < 200_000 && !state.isOver; step++) {
      this.clock.advance(1)
      await new Promise((resolve) => setImmediate(resolve))
    }
    return promise
  }
}

const silent = (error: unknown): boolean => error instanceof ClusterError && error.code === 'MEMBER_SILENT'
const refused = (words: RegExp) => (error: unknown) =>
  error instanceof ClusterError && error.code === 'MEMBER_REFUSED' && words.test(error.message)

test('a question is answered with what its body says, bytes and gaps included', async (t) => {
  const stage = new Stage(t)
  const [a, b] = [stage.node('a'), stage.node('b')]
  b.requests.serve('echo', async (from, body) => ({ node: from.node, body }))
  const body = { text: 'x', bytes: Buffer.from([1, 2]), list: [1, null, true], none: undefined }
  assert.deepEqual(await stage.settled(a.requests.ask('b', 'echo', body, 1000)), { node: 'a', body })
  assert.equal(await stage.settled(a.requests.ask('b', 'echo', undefined, 1000).then((it) => typeof it)), 'object')
})

test('many questions at once: each gets its own answer, whichever is first', async (t) => {
  const stage = new Stage(t)
  const [a, b] = [stage.node('a'), stage.node('b')]
  const later = (ms: number): Promise<void> => new Promise((resolve) => void stage.clock.after(ms, resolve))
  b.requests.serve('slow', async (_from, ms) => {
    await later(Number(ms))
    return ms
  })
  const delays = [50, 1, 20, 7, 33]
  const answers = await stage.settled(Promise.all(delays.map((ms) => a.requests.ask('b', 'slow', ms, 1000))))
  assert.deepEqual(answers, delays)
})

test('what the other side throws comes back as words, and so does that nobody there knows the kind', async (t) => {
  const stage = new Stage(t)
  const [a, b] = [stage.node('a'), stage.node('b')]
  b.requests.serve('fails', async () => {
    throw new RangeError('no room for that')
  })
  await assert.rejects(stage.settled(a.requests.ask('b', 'fails', 1, 1000)), refused(/^b: no room for that$/))
  await assert.rejects(stage.settled(a.requests.ask('b', 'unheard', 1, 1000)), refused(/unheard/))
  assert.deepEqual(stage.log, ['request_failed'])
})

for (const { what, bytes } of [
  { what: 'three', bytes: 3_000_000 },
  { what: 'twenty', bytes: 20_000_000 },
])
  test(`bodies of ${what} parts go there and back whole, while short ones pass them`, async (t) => {
    const stage = new Stage(t)
    const [a, b] = [stage.node('a'), stage.node('b')]
    b.requests.serve('echo', async (_from, body) => body)
    const large = Buffer.alloc(bytes)
    for (let at = 0; at < bytes; at += 997) large[at] = at % 251
    const whole = a.requests.ask('b', 'echo', large, 60_000)
    assert.equal(await stage.settled(a.requests.ask('b', 'echo', 'short', 60_000)), 'short')
    const back = await stage.settled(whole)
    assert.ok(Buffer.isBuffer(back) && back.equals(large))
  })

test('a lost question, a lost answer, a lost part of one: the asker learns it at its deadline', async (t) => {
  const stage = new Stage(t)
  const [a, b] = [stage.node('a'), stage.node('b')]
  let served = 0
  b.requests.serve('get', async () => {
    served++
    return Buffer.alloc(3_000_000)
  })
  for (const lost of ['a', 'b'])
    for (const nth of lost === 'a' ? [1] : [1, 2, 3]) {
      let seen = 0
      stage.network.loses = (from) => from.node === lost && ++seen === nth
      const beganMs = stage.clock.steadyMs()
      await assert.rejects(stage.settled(a.requests.ask('b', 'get', 0, 500)), silent)
      assert.ok(stage.clock.steadyMs() - beganMs <= 520)
    }
  assert.equal(served, 3)
  stage.network.loses = () => false
  const answer = await stage.settled(a.requests.ask('b', 'get', 0, 500))
  assert.equal((answer as Buffer).length, 3_000_000)
})

test('who is gone answers nothing: its questions fail at once, those to others go on', async (t) => {
  const stage = new Stage(t)
  const [a, b, c] = [stage.node('a'), stage.node('b'), stage.node('c')]
  b.requests.serve('get', () => new Promise(() => undefined))
  c.requests.serve('get', async () => 'c')
  const lost = a.requests.ask('b', 'get', 0, 1e9)
  const other = a.requests.ask('c', 'get', 0, 1000)
  a.requests.memberGone('b')
  await assert.rejects(lost, silent)
  assert.equal(await stage.settled(other), 'c')
})

test('cut off, stopped, or with too many open questions: no wait at all', async (t) => {
  const stage = new Stage(t)
  const [a, b] = [stage.node('a'), stage.node('b')]
  b.requests.serve('get', () => new Promise(() => undefined))
  const open = Array.from({ length: 1024 }, () => assert.rejects(a.requests.ask('b', 'get', 0, 1e9), silent))
  await assert.rejects(a.requests.ask('b', 'get', 0, 1e9), silent)
  a.requests.stop()
  await Promise.all(open)
  await assert.rejects(a.requests.ask('b', 'get', 0, 1e9), silent)
  b.coordination.cut()
  await assert.rejects(b.requests.ask('a', 'get', 0, 1e9), silent)
})

test('a question that comes twice is served once, and an answer that comes twice or late is passed over', async (t) => {
  const stage = new Stage(t)
  const a = stage.node('a')
  const b = stage.network.join('b', 'b-1')
  const seen: Buffer[] = []
  b.listen('requests', (_from, payload) => seen.push(Buffer.from(payload)))
  let served = 0
  a.requests.serve('count', async () => ++served)
  const question = packr.pack([0, 7, 'count', 0, true, packr.pack(null)])
  for (let times = 0; times < 3; times++) b.send('a', 'requests', Buffer.from(question))
  stage.clock.advance(5)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(served, 1)
  const asked = a.requests.ask('b', 'x', 0, 100)
  stage.clock.advance(5)
  const [, id] = packr.unpack(seen.at(-1)!) as [number, number]
  const answer = (boot: string, body: unknown): void =>
    b.send('a', 'requests', packr.pack([1, id, boot, 0, true, packr.pack(body)]))
  answer('a-0', 'for the process before')
  answer('a-1', 'right')
  answer('a-1', 'again')
  assert.equal(await stage.settled(asked), 'right')
})

test('one that restarted is served anew, though its numbers begin again', async (t) => {
  const stage = new Stage(t)
  const a = stage.node('a')
  let served = 0
  a.requests.serve('count', async () => ++served)
  const first = stage.node('b', 'b-1')
  assert.equal(await stage.settled(first.requests.ask('a', 'count', 0, 100)), 1)
  first.coordination.cut()
  const second = stage.node('b', 'b-2')
  assert.equal(await stage.settled(second.requests.ask('a', 'count', 0, 100)), 2)
})

test('what is no frame is logged and dropped', async (t) => {
  const stage = new Stage(t)
  const a = stage.node('a')
  a.requests.serve('count', async () => assert.fail('nobody asked'))
  const b = stage.network.join('b', 'b-1')
  const malformed = [
    Buffer.alloc(0),
    Buffer.from([0xc1]),
    Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff]),
    packr.pack('text'),
    packr.pack([0, -1, 'count', 0, true, Buffer.alloc(0)]),
    packr.pack([0, 1, 'count', 0, true, 'text']),
    packr.pack([9, 1, 'count', 0, true, Buffer.alloc(0)]),
    packr.pack([0, 1, 'x'.repeat(1000), 0, true, Buffer.alloc(0)]),
  ]
  for (const payload of malformed) b.send('a', 'requests', Buffer.from(payload))
  stage.clock.advance(5)
  assert.deepEqual(
    stage.log,
    malformed.map(() => 'request_malformed'),
  )
})
