import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'
import { connect, type JetStreamManager, type NatsConnection } from 'nats'
import { systemClock } from '../../../src/broker/clock.ts'
import { type NatsServer, startNatsServer } from '../../../src/cli/demo/nats-server.ts'
import type { Coordination } from '../../../src/cluster/coordination.ts'
import { NatsBucket } from '../../../src/cluster/nats/nats-bucket.ts'
import { ClusterLogBook } from '../cluster-log-book.ts'
import { connectedNats, natsConfig, until } from './nats-node.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text)

let server: NatsServer
before(async () => {
  server = await startNatsServer()
})
after(() => server.stop())

function join(t: TestContext, node: string, clusterName: string): Promise<{ readonly coordination: Coordination }> {
  return connectedNats(t, natsConfig([server.url]), node, { clusterName, clock: systemClock })
}

/** Somebody with the tools of NATS. */
async function tool(t: TestContext): Promise<{
  readonly streams: JetStreamManager['streams']
  readonly nc: NatsConnection
  readonly publish: (subject: string, text: string) => void
}> {
  const nc = await connect({ servers: server.url })
  t.after(() => nc.close())
  const { streams } = await nc.jetstreamManager()
  return { streams, nc, publish: (subject, text) => nc.publish(subject, text) }
}

function watch({ registers }: Coordination): { readonly known: Map<string, string>; readonly readies: () => number } {
  const known = new Map<string, string>()
  let readies = 0
  registers.watch('', {
    changed: ({ key, value }) => {
      if (value === undefined) known.delete(key)
      else known.set(key, Buffer.from(value).toString())
    },
    ready: (keys) => {
      readies++
      for (const key of known.keys()) if (!keys.has(key)) known.delete(key)
    },
  })
  return { known, readies: () => readies }
}

test('the first registers of a bucket that nodes make at the same time are kept, and seen by all', async (t) => {
  for (let round = 0; round < 8; round++) {
    const cluster = `first.${round}`
    const nodes = await Promise.all(['a', 'b', 'c'].map((node) => join(t, node, cluster)))
    const seen = nodes.map(({ coordination }) => watch(coordination))
    const written = await Promise.all(
      nodes.map(({ coordination: { self, registers } }) => registers.write(self.node, bytes('1'), 0)),
    )
    assert.deepEqual(
      written.map(({ type }) => type),
      ['written', 'written', 'written'],
    )
    await until(() => seen.every(({ known }) => known.size === 3), `all three everywhere, round ${round}`)
    await Promise.all(nodes.map(({ coordination }) => coordination.close()))
  }
})

test('a bucket whose maker went before he had numbered it is numbered by who finds it', async (t) => {
  const { streams } = await tool(t)
  const subject = '$KV.isthmus__unnumbered'
  await streams.add({ name: 'KV_isthmus__unnumbered', subjects: [subject], max_msgs_per_subject: 1 })
  const { coordination } = await join(t, 'a', 'unnumbered')
  const seen = watch(coordination)
  const first = await coordination.registers.write('k', bytes('1'), 0)
  assert.ok(first.type === 'written' && first.revision > Date.UTC(2020, 0, 1) * 1000)
  await until(() => seen.known.get('k') === '1', 'the register')
})

test('a change that nobody tells of is seen all the same', async (t) => {
  const { coordination } = await join(t, 'a', 'untold')
  const seen = watch(coordination)
  await coordination.registers.write('k', bytes('1'), 0)
  const { publish } = await tool(t)
  for (const text of ['2', '3', '4']) {
    publish('$KV.isthmus__untold.k', text)
    await until(() => seen.known.get('k') === text, text)
  }
  assert.equal(seen.readies(), 1)
})

test('what a tool purges from the bucket is gone for who watches, and what is written then is seen', async (t) => {
  const { coordination } = await join(t, 'a', 'purged')
  const seen = watch(coordination)
  for (const key of ['k', 'l', 'm']) await coordination.registers.write(key, bytes('1'), 0)
  await until(() => seen.known.size === 3, 'three registers')
  const { streams } = await tool(t)
  await streams.purge('KV_isthmus__purged', { filter: '$KV.isthmus__purged.l' })
  await until(() => seen.known.size === 2, 'that one is gone')
  await streams.purge('KV_isthmus__purged')
  await until(() => seen.known.size === 0, 'that all are gone')
  await coordination.registers.write('l', bytes('2'), 0)
  await until(() => seen.known.get('l') === '2', 'the next')
})

test('a bucket that is deleted and made by another at once is noticed', async (t) => {
  const nodes = await Promise.all(['a', 'b'].map((node) => join(t, node, 'replaced')))
  const [a, b] = nodes.map(({ coordination }) => coordination)
  assert.ok(a !== undefined && b !== undefined)
  const seen = watch(b)
  await a.registers.write('old', bytes('1'), 0)
  await until(() => seen.known.has('old'), 'the old bucket')
  const { streams } = await tool(t)
  await streams.delete('KV_isthmus__replaced')
  await a.registers.write('new', bytes('1'), 0)
  await until(() => seen.known.has('new') && !seen.known.has('old'), 'the new bucket, and nothing of the old one')
})

test('two who watch see the last of hundreds of changes each, and who joins late sees what stands', async (t) => {
  const nodes = await Promise.all(['a', 'b', 'c'].map((node) => join(t, node, 'busy')))
  const [a, b, c] = nodes.map(({ coordination }) => coordination)
  assert.ok(a !== undefined && b !== undefined && c !== undefined)
  const seen = [watch(b), watch(c)]
  const revisions = new Map<string, number>()
  for (let n = 1; n <= 300; n++) {
    const key = `k${n % 7}`
    const result = await a.registers.write(key, bytes(`${n}`), revisions.get(key) ?? 0)
    assert.ok(result.type === 'written')
    revisions.set(key, result.revision)
  }
  const { coordination: late } = await join(t, 'd', 'busy')
  seen.push(watch(late))
  const wanted = Object.fromEntries([294, 295, 296, 297, 298, 299, 300].map((n) => [`k${n % 7}`, `${n}`]))
  await until(
    () => seen.every(({ known }) => Object.entries(wanted).every(([key, text]) => known.get(key) === text)),
    'the last of each',
  )
  assert.deepEqual(
    seen.map(({ readies }) => readies()),
    [1, 1, 1],
  )
})

/** The connection, as it is where something happens after each answer, before the next is asked for. */
function interrupted(nc: NatsConnection, happens: () => Promise<void>): NatsConnection {
  return new Proxy(nc, {
    get: (target, name) => {
      if (name !== 'request') return Reflect.get(target, name)
      return async (...asked: Parameters<NatsConnection['request']>) => {
        const answer = await target.request(...asked)
        await happens()
        return answer
      }
    },
  })
}

test('whenever a register is written while its bucket is being made, it stays, or is refused', async (t) => {
  const { nc } = await tool(t)
  const bucket = new NatsBucket({ name: 'isthmus__made', replicas: 1, random: () => 0.5, log: new ClusterLogBook() })
  const taken: string[] = []
  let asked = 0
  const write = async (): Promise<void> => {
    const subject = bucket.subjectOf(`k${++asked}`)
    try {
      await nc.request(subject, '1', { timeout: 5000 })
      taken.push(subject)
    } catch (error) {
      assert.match(String(error), /503/)
    }
  }
  await bucket.ensure({ nc: interrupted(nc, write), leftMs: () => 5000 })
  await write()
  // The last two: after the bucket was opened, and after all.
  assert.ok(asked >= 4 && taken.length >= 2)
  const kept: string[] = []
  for (let sequence = 0; ;) {
    const entry = await bucket.next({ nc, leftMs: () => 5000 }, sequence)
    if (entry === undefined) break
    sequence = entry.sequence
    kept.push(entry.subject)
    assert.ok(sequence > Date.UTC(2020, 0, 1) * 1000)
  }
  assert.deepEqual(kept, taken)
})
