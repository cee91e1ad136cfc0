/** What a node must be ready for: writes that are made though nobody says so, or late; reads of what is no longer true; nobody to ask. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Coordination, Register } from '../../../../src/cluster/coordination.ts'
import { PlainProcess } from '../plain-process.ts'
import { SeededRandom } from '../random.ts'
import { VirtualTime } from '../virtual-time.ts'
import { SimulatedJetStream } from './simulated-jetstream.ts'

type World = {
  readonly time: VirtualTime
  readonly servers: SimulatedJetStream
  readonly join: (node: string, servers?: readonly number[]) => Coordination & { readonly process: PlainProcess }
  readonly pass: (ms: number) => Promise<void>
  /** Becomes of it after so long: an answer, `lost`, or `none`. */
  readonly after: (ms: number, promised: Promise<unknown>) => Promise<string>
}

async function world(serverCount: 1 | 3, seed = 1): Promise<World> {
  const time = new VirtualTime()
  const servers = new SimulatedJetStream(time, new SeededRandom(seed), serverCount)
  const pass = (ms: number): Promise<void> => time.runUntil(time.nowMs + ms)
  return {
    time,
    servers,
    pass,
    join: (node, which) => {
      const process = new PlainProcess()
      const ports = which === undefined ? {} : { servers: which }
      return Object.assign(servers.connect({ node, boot: '1' }, process, ports), { process })
    },
    after: async (ms, promised) => {
      let became = 'none'
      promised.then(
        (answer) => (became = JSON.stringify(answer)),
        (error: unknown) => (became = error instanceof Error && 'code' in error ? 'lost' : String(error)),
      )
      await pass(ms)
      return became
    },
  }
}

const bytes = (text: string): Uint8Array => Buffer.from(text)
const valueOf = ({ servers }: World, key: string): string | undefined => servers.registers().get(key)?.value?.toString()

test('a reply that is lost: the write happened, and who wrote is told that nobody answered', async () => {
  const it = await world(1)
  const a = it.join('a')
  await it.pass(100)
  await it.after(100, a.registers.write('k', bytes('0'), 0))
  const { revision } = await read(it, a, 'k')
  it.servers.cut('a', { how: 'vanish', direction: 'from_servers' })
  assert.equal(await it.after(2100, a.registers.write('k', bytes('1'), revision)), 'lost')
  assert.equal(valueOf(it, 'k'), '1')
})

async function read(it: World, node: Coordination, key: string): Promise<Register> {
  const asked = node.registers.read(key)
  await it.pass(100)
  return asked
}

test('a write that did not come through is made when the silence is over, however late, or never', async () => {
  const became = new Set<string>()
  for (let seed = 0; seed < 20; seed += 1) {
    const it = await world(1, seed)
    const a = it.join('a')
    await it.pass(100)
    await read(it, a, 'k')
    const mend = it.servers.cut('a', { how: 'vanish' })
    assert.equal(await it.after(2100, a.registers.write('k', bytes('1'), 0)), 'lost')
    assert.equal(valueOf(it, 'k'), undefined)
    await it.pass(20_000)
    mend()
    await it.pass(5000)
    became.add(String(valueOf(it, 'k')))
  }
  assert.deepEqual([...became].toSorted(), ['1', 'undefined'])
})

test('a silence that is short costs nothing but time; a long one costs the connection', async () => {
  const it = await world(1)
  const [a, b] = [it.join('a'), it.join('b')]
  await it.pass(100)
  const heard: string[] = []
  b.bus.listen('maps', (_, payload) => heard.push(Buffer.from(payload).toString()))
  const told: boolean[] = []
  a.onConnection((isConnected) => told.push(isConnected))
  await it.pass(10)
  const mend = it.servers.cut('a', { how: 'vanish' })
  for (const text of ['1', '2', '3']) a.bus.broadcast('maps', bytes(text))
  await it.pass(1000)
  assert.deepEqual(heard, [])
  mend()
  await it.pass(2000)
  assert.deepEqual([heard, told], [['1', '2', '3'], []])
  it.servers.cut('a', { how: 'vanish' })
  await it.pass(2900)
  assert.deepEqual(told, [])
  await it.pass(1200)
  assert.deepEqual(told, [false])
})

test('a node that is refused is told at once, and comes back; the others see nothing of it', async () => {
  const it = await world(1)
  const [a, b] = [it.join('a'), it.join('b')]
  await it.pass(100)
  const mend = it.servers.cut('a', { how: 'reset' })
  await it.pass(10)
  assert.deepEqual([a.isConnected, b.isConnected], [false, true])
  await it.pass(5000)
  assert.equal(a.isConnected, false)
  mend()
  await it.pass(1200)
  assert.equal(a.isConnected, true)
})

test('while three servers have no leader the bus works and registers do not, for as long as an election takes', async () => {
  const it = await world(3)
  const [a, b] = [it.join('a', [1]), it.join('b', [2])]
  await it.pass(100)
  const heard: string[] = []
  b.bus.listen('maps', (_, payload) => heard.push(Buffer.from(payload).toString()))
  await it.pass(10)
  it.servers.kill(0)
  await it.pass(10)
  a.bus.broadcast('maps', bytes('1'))
  assert.equal(await it.after(2100, a.registers.write('k', bytes('1'), 0)), 'lost')
  assert.deepEqual(heard, ['1'])
  await it.pass(7000)
  assert.match(await it.after(100, a.registers.write('k', bytes('2'), 0)), /written/)
})

test('a leader that is cut off from the other servers tells what was true, takes no write, and notices late', async () => {
  const it = await world(3)
  const [alone, other] = [it.join('a', [0]), it.join('b', [1])]
  await it.pass(100)
  await it.after(100, other.registers.write('k', bytes('old'), 0))
  const { revision } = await read(it, other, 'k')
  const mend = it.servers.split([0])
  await it.pass(9100)
  assert.match(await it.after(100, other.registers.write('k', bytes('new'), revision)), /written/)
  const stale = alone.registers.read('k')
  assert.match(await it.after(100, stale), new RegExp(`"revision":${revision}`))
  assert.equal(await it.after(2100, alone.registers.write('k', bytes('lost'), revision)), 'lost')
  assert.equal(await it.after(2100, alone.registers.read('k')), 'lost')
  mend()
  await it.pass(5000)
  assert.equal((await read(it, alone, 'k')).value?.toString(), 'new')
})

test('a write that a lonely leader took is made if it reaches the others before they elect another', async () => {
  const it = await world(3)
  const a = it.join('a', [0])
  await it.pass(100)
  await read(it, a, 'k')
  const mend = it.servers.split([0])
  assert.equal(await it.after(2100, a.registers.write('k', bytes('1'), 0)), 'lost')
  mend()
  await it.pass(3500)
  assert.equal(valueOf(it, 'k'), '1')
})

test('a frozen process hears nothing, and all of it when it goes on; a dead one nothing, though what it wrote is there', async () => {
  const it = await world(1)
  const [a, b] = [it.join('a'), it.join('b')]
  await it.pass(100)
  const heard: string[] = []
  b.bus.listen('maps', (_, payload) => heard.push(Buffer.from(payload).toString()))
  await it.pass(10)
  await read(it, b, 'k')
  b.process.freeze()
  a.bus.broadcast('maps', bytes('1'))
  await it.pass(60_000)
  assert.deepEqual(heard, [])
  b.process.thaw()
  await it.pass(10)
  assert.deepEqual([heard, b.isConnected], [['1'], true])
  void b.registers.write('k', bytes('1'), 0)
  b.process.kill()
  a.bus.broadcast('maps', bytes('2'))
  await it.pass(100)
  assert.deepEqual([heard, valueOf(it, 'k')], [['1'], '1'])
})

async function eventfulRun(): Promise<string[]> {
  const it = await world(3, 7)
  const told: string[] = []
  const nodes = ['a', 'b', 'c'].map((node) => it.join(node))
  for (const node of nodes) {
    node.onConnection((isConnected) => told.push(`${it.time.nowMs} ${node.self.node} ${isConnected}`))
    node.bus.listen('maps', ({ node: from }) => told.push(`${it.time.nowMs} ${node.self.node} heard ${from}`))
    node.registers.watch('', {
      changed: ({ revision }) => told.push(`${it.time.nowMs} ${node.self.node} ${revision}`),
      ready: () => told.push(`${it.time.nowMs} ${node.self.node} ready`),
    })
  }
  await it.pass(100)
  it.servers.split([0])
  for (const node of nodes) {
    node.bus.broadcast('maps', bytes('x'))
    node.registers.write(node.self.node, bytes('x'), 0).catch(() => told.push(`${it.time.nowMs} lost`))
  }
  await it.pass(8000)
  it.servers.heal()
  await it.pass(20_000)
  return told
}

test('the same seed, the same run', async () => {
  const first = await eventfulRun()
  assert.ok(first.length > 20)
  assert.deepEqual(await eventfulRun(), first)
})
