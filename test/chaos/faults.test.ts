/** Each fault on real sockets. Time stands still but for the test's own hand, so nothing here depends on how fast a machine is. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { listenOnFreePort } from '../../src/cli/demo/relay.ts'
import type { FaultPorts } from '../../scripts/chaos/faults/fault.ts'
import { startProxy } from '../../scripts/chaos/proxy.ts'

/** A clock that a test sets. */
function handClock(random = 0.5) {
  const waiting = new Set<{ readonly dueMs: number; readonly call: () => void }>()
  let nowMs = 1_000
  const ports: FaultPorts = {
    nowMs: () => nowMs,
    after: (ms, call) => {
      const one = { dueMs: nowMs + ms, call }
      waiting.add(one)
      return () => void waiting.delete(one)
    },
    random: () => random,
  }
  const pass = (ms: number): void => {
    const untilMs = nowMs + ms
    for (;;) {
      const next = [...waiting].filter(({ dueMs }) => dueMs <= untilMs).toSorted((a, b) => a.dueMs - b.dueMs)[0]
      if (next === undefined) break
      waiting.delete(next)
      nowMs = next.dueMs
      next.call()
    }
    nowMs = untilMs
  }
  return { ports, pass }
}

/** What one end has got, and how it ended. */
class Side {
  readonly socket: Socket
  text = ''
  ended: 'no' | 'fin' | 'reset' = 'no'
  #changed: () => void = () => {}

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk) => this.#note(() => (this.text += chunk.toString())))
    socket.on('end', () => this.#note(() => (this.ended = 'fin')))
    socket.on('error', () => this.#note(() => (this.ended = 'reset')))
    socket.on('close', () => this.#note(() => {}))
  }

  #note(act: () => void): void {
    act()
    this.#changed()
  }

  async until(holds: (side: Side) => boolean): Promise<void> {
    while (!holds(this)) await new Promise<void>((resolve) => (this.#changed = resolve))
  }
}

const nobody = (): void => {}

async function stage(t: TestContext, random?: number) {
  const clock = handClock(random)
  const sides: Side[] = []
  let onSide = nobody
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sides.push(new Side(socket))
    onSide()
  })
  const targetPort = await listenOnFreePort(server)
  const proxy = await startProxy({ target: () => ({ host: '127.0.0.1', port: targetPort }), ports: clock.ports })
  const clients: Socket[] = []
  t.after(async () => {
    for (const socket of [...clients, ...sides.map(({ socket }) => socket)]) socket.destroy()
    await Promise.all([proxy.close(), new Promise((resolve) => server.close(resolve))])
  })
  const dial = (): Socket => {
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true })
    clients.push(socket)
    return socket
  }
  /** A connection through the proxy that has proved itself in both directions. */
  const pair = async (): Promise<{ near: Side; far: Side }> => {
    const came = new Promise<void>((resolve) => (onSide = resolve))
    const near = new Side(dial())
    await came
    const far = sides.at(-1)!
    near.socket.write('?')
    await far.until(({ text }) => text === '?')
    far.socket.write('!')
    await near.until(({ text }) => text === '!')
    near.text = far.text = ''
    return { near, far }
  }
  /** Resolves when all that was written before has come to the proxy. */
  const reached = async (up: number, down: number): Promise<void> => {
    while (proxy.bytes.up < up || proxy.bytes.down < down) await new Promise((resolve) => setImmediate(resolve))
  }
  return { clock, proxy, pair, dial, reached }
}

test('latency: nothing comes before its time, all comes in order, and what waits goes on when it is over', async (t) => {
  const { clock, proxy, pair, reached } = await stage(t)
  const { near, far } = await pair()
  const slow = await proxy.add({ type: 'latency', ms: 100, way: 'up' })
  near.socket.write('one')
  await reached(4, 1)
  clock.pass(60)
  near.socket.write('two')
  await reached(7, 1)
  far.socket.write('back at once')
  await near.until(({ text }) => text === 'back at once')
  clock.pass(39)
  assert.equal(far.text, '')
  clock.pass(1)
  await far.until(({ text }) => text === 'one')
  await slow.remove()
  await far.until(({ text }) => text === 'onetwo')
})

test('latency: jitter makes it longer or shorter', async (t) => {
  const { clock, proxy, pair, reached } = await stage(t, 0)
  const { near, far } = await pair()
  await proxy.add({ type: 'latency', ms: 100, jitterMs: 30 })
  near.socket.write('early')
  await reached(6, 1)
  clock.pass(70)
  await far.until(({ text }) => text === 'early')
})

test('bandwidth: so many bytes a second, in pieces', async (t) => {
  const { clock, proxy, pair, reached } = await stage(t)
  const { near, far } = await pair()
  await proxy.add({ type: 'bandwidth', bytesPerSecond: 1_000 })
  near.socket.write('x'.repeat(100))
  await reached(101, 1)
  clock.pass(50)
  await far.until(({ text }) => text.length === 40)
  clock.pass(50)
  await far.until(({ text }) => text.length === 100)
})

test('bandwidth: whoever sends too much has to wait', async (t) => {
  const { proxy, pair } = await stage(t)
  const { near } = await pair()
  await proxy.add({ type: 'bandwidth', bytesPerSecond: 1_000 })
  const flood = Buffer.alloc(32 << 20)
  near.socket.write(flood)
  while (proxy.bytes.up < 1 << 20) await new Promise((resolve) => setImmediate(resolve))
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(proxy.bytes.up < flood.length / 2, `${proxy.bytes.up} bytes were taken`)
})

test('slicer: what was written at once comes in pieces', async (t) => {
  const { clock, proxy, pair, reached } = await stage(t)
  const { near, far } = await pair()
  await proxy.add({ type: 'slicer', bytes: 2, pauseMs: 10 })
  near.socket.write('abcde')
  await reached(6, 1)
  for (const [ms, text] of [
    [0, 'ab'],
    [10, 'abcd'],
    [10, 'abcde'],
  ] as const) {
    clock.pass(ms)
    await far.until((side) => side.text === text)
  }
})

test('cut: connections end, new ones are refused, until it is over', async (t) => {
  const { proxy, pair, dial } = await stage(t)
  const { near, far } = await pair()
  const cut = await proxy.add({ type: 'cut' })
  await Promise.all([near.until(({ ended }) => ended !== 'no'), far.until(({ ended }) => ended !== 'no')])
  const [error] = await once(dial(), 'error')
  assert.equal(error.code, 'ECONNREFUSED')
  await cut.remove()
  await pair()
})

test('cut: two at once, and the door opens after the second', async (t) => {
  const { proxy, pair, dial } = await stage(t)
  const [one, other] = [await proxy.add({ type: 'cut' }), await proxy.add({ type: 'cut' })]
  await one.remove()
  await one.remove()
  const [error] = await once(dial(), 'error')
  assert.equal(error.code, 'ECONNREFUSED')
  await other.remove()
  await pair()
})

test('half-open: both ends stay and hear nothing, not even an end; what lost something is reset when it is over', async (t) => {
  const { proxy, pair, reached } = await stage(t)
  const [talking, silent] = [await pair(), await pair()]
  const halfOpen = await proxy.add({ type: 'half_open' })
  talking.near.socket.write('lost')
  talking.far.socket.end('lost as well')
  await reached(2 + 4, 2 + 12)
  const connections = proxy.connections
  await halfOpen.remove()
  await talking.near.until(({ ended }) => ended === 'reset')
  assert.deepEqual([talking.near.text, talking.far.text, connections], ['', '', 2])
  silent.near.socket.write('alive')
  await silent.far.until(({ text }) => text === 'alive')
})

test('one way: nothing goes up, all comes down', async (t) => {
  const { proxy, pair, reached } = await stage(t)
  const { near, far } = await pair()
  await proxy.add({ type: 'one_way', way: 'up' })
  near.socket.write('lost')
  await reached(5, 1)
  far.socket.write('heard')
  await near.until(({ text }) => text === 'heard')
  assert.equal(far.text, '')
})

test('slow close: bytes pass at once, the end comes late', async (t) => {
  const { clock, proxy, pair, reached } = await stage(t)
  const { near, far } = await pair()
  await proxy.add({ type: 'slow_close', ms: 500 })
  near.socket.end('last words')
  await far.until(({ text }) => text === 'last words')
  await reached(11, 1)
  // Its FIN comes with or after the bytes; a word from the other side is the proof that turns have passed.
  far.socket.write('still there')
  await near.until(({ text }) => text === 'still there')
  assert.equal(far.ended, 'no')
  while (far.ended === 'no') {
    clock.pass(500)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(far.ended, 'fin')
})

test('reset: at once, and each that comes', async (t) => {
  const { proxy, pair, dial } = await stage(t)
  const { near, far } = await pair()
  await proxy.add({ type: 'reset' })
  await Promise.all([near.until(({ ended }) => ended === 'reset'), far.until(({ ended }) => ended === 'reset')])
  const next = new Side(dial())
  await next.until(({ ended }) => ended === 'reset')
})

test('reset: after so many bytes, in the middle of what was written', async (t) => {
  const { proxy, pair } = await stage(t)
  const { near, far } = await pair()
  await proxy.add({ type: 'reset', afterBytes: 3, way: 'down' })
  far.socket.write('abcdef')
  // To one who has something to read still, libuv tells of a reset as of an end.
  await Promise.all([near.until(({ ended }) => ended !== 'no'), far.until(({ ended }) => ended === 'reset')])
  assert.ok('abc'.startsWith(near.text), near.text)
})

test('several faults stand in a row, and each can go', async (t) => {
  const { clock, proxy, pair, reached } = await stage(t)
  const { near, far } = await pair()
  const slow = await proxy.add({ type: 'latency', ms: 100 })
  const sliced = await proxy.add({ type: 'slicer', bytes: 1, pauseMs: 10 })
  near.socket.write('abc')
  await reached(4, 1)
  clock.pass(100)
  clock.pass(10)
  await far.until(({ text }) => text.length >= 1)
  await slow.remove()
  assert.notEqual(far.text, 'abc')
  await sliced.remove()
  await far.until(({ text }) => text === 'abc')
  near.socket.write('d')
  await far.until(({ text }) => text === 'abcd')
})

test('a target that is not there resets who connects', async (t) => {
  const proxy = await startProxy({ target: () => undefined })
  t.after(() => proxy.close())
  const side = new Side(connect(proxy.port, '127.0.0.1'))
  await side.until(({ ended }) => ended === 'reset')
})
