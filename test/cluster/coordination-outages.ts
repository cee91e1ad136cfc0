/** What a node may rely on when servers restart, freeze, die, or lose all they know: run for NATS and for the simulated JetStream. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { ClusterError } from '../../src/cluster/cluster-error.ts'
import type { Coordination } from '../../src/cluster/coordination.ts'

/** The servers of one test. */
export type OutageServers = {
  /**
   * A process of a node of one cluster, connected or not; closed when the test is over.
   * @param servers which it is told of; all, if left out
   */
  join(node: string, servers?: readonly number[]): Promise<Coordination>
  /** SIGKILL. */
  kill(server: number): Promise<void>
  restart(server: number): Promise<void>
  /** What the one server keeps is gone; it is not running. */
  wipe(): void
  /** The registers are deleted while it runs. */
  deleteRegisters(): Promise<void>
  /** SIGSTOP and SIGCONT. */
  freeze(server: number): void
  thaw(server: number): void
  /** Ends the connections that there are. */
  cutConnections(): void
}

export type OutageKind = {
  readonly name: string
  readonly begin: (t: TestContext, serverCount: 1 | 3) => Promise<OutageServers>
  /** Waits until this is true. Rejects after long. */
  readonly until: (isTrue: () => boolean, what: string) => Promise<void>
}

const bytes = (text: string): Uint8Array => Buffer.from(text)
const isLost = (error: unknown): boolean => error instanceof ClusterError && error.code === 'COORDINATION_LOST'

type Watched = { readonly known: Map<string, string>; readonly beginnings: () => number }

/** What a watcher knows now, and how often it began. */
function watch({ registers }: Coordination): Watched {
  const known = new Map<string, string>()
  let beginnings = 0
  registers.watch('', {
    changed: ({ key, value }) => {
      if (value === undefined) known.delete(key)
      else known.set(key, Buffer.from(value).toString())
    },
    ready: (keys) => {
      beginnings++
      for (const key of known.keys()) if (!keys.has(key)) known.delete(key)
    },
  })
  return { known, beginnings: () => beginnings }
}

/** Asks again until the answer is no error; an attempt takes its time. */
async function untilDone<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask()
    } catch (error) {
      if (attempt > 1000) throw error
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}

export function outageSuite({ name, begin, until }: OutageKind): void {
  const untilConnected = (coordination: Coordination, isConnected = true): Promise<void> =>
    until(() => coordination.isConnected === isConnected, isConnected ? 'the connection' : 'the loss of the connection')

  const connected = async (servers: OutageServers, node: string, which?: readonly number[]): Promise<Coordination> => {
    const coordination = await servers.join(node, which)
    await untilConnected(coordination)
    return coordination
  }

  /** Sends until it arrives: a bus is lossy, and the subscriptions of two nodes come back at different times. */
  const untilHeard = async (from: Coordination, to: Coordination, text: string): Promise<void> => {
    let isHeard = false
    const stop = to.bus.listen('maps', (_, payload) => {
      isHeard ||= Buffer.from(payload).toString() === text
    })
    await until(() => {
      if (!isHeard) from.bus.broadcast('maps', bytes(text))
      return isHeard
    }, `the message ${text}`)
    stop()
  }

  test(`${name}: a restarted server is found again; registers are kept, watches begin again`, async (t) => {
    const servers = await begin(t, 1)
    const [a, b] = await Promise.all([connected(servers, 'a'), connected(servers, 'b')])
    const seen = watch(b)
    await a.registers.write('k', bytes('1'), 0)
    await until(() => seen.known.get('k') === '1', 'the first value')
    await servers.kill(0)
    await Promise.all([untilConnected(a, false), untilConnected(b, false)])
    await assert.rejects(a.registers.read('k'), isLost)
    a.bus.broadcast('maps', bytes('dropped'))
    await servers.restart(0)
    await Promise.all([untilConnected(a), untilConnected(b)])
    await until(() => seen.beginnings() >= 2, 'the second beginning')
    const { value, revision } = await a.registers.read('k')
    assert.equal(Buffer.from(value ?? []).toString(), '1')
    await a.registers.write('k', bytes('2'), revision)
    await until(() => seen.known.get('k') === '2', 'the second value')
    await untilHeard(a, b, 'again')
  })

  test(`${name}: all state deleted while the server was away is a new beginning, in which no old revision counts`, async (t) => {
    const servers = await begin(t, 1)
    const coordination = await connected(servers, 'a')
    const seen = watch(coordination)
    const old = await coordination.registers.write('k', bytes('1'), 0)
    await coordination.registers.write('other', bytes('1'), 0)
    assert.ok(old.type === 'written')
    await until(() => seen.known.size === 2, 'both registers')
    await servers.kill(0)
    servers.wipe()
    await untilConnected(coordination, false)
    await servers.restart(0)
    await untilConnected(coordination)
    await until(() => seen.known.size === 0, 'that nothing is left')
    assert.deepEqual(await coordination.registers.write('k', bytes('late'), old.revision), { type: 'conflict' })
    const next = await coordination.registers.write('k', bytes('2'), 0)
    assert.ok(next.type === 'written' && next.revision > old.revision)
    await until(() => seen.known.get('k') === '2', 'the new value')
  })

  test(`${name}: registers that are deleted under a connected node are a new beginning, too`, async (t) => {
    const servers = await begin(t, 1)
    const coordination = await connected(servers, 'a')
    const seen = watch(coordination)
    const old = await coordination.registers.write('k', bytes('1'), 0)
    assert.ok(old.type === 'written')
    await until(() => seen.known.size === 1, 'the register')
    await servers.deleteRegisters()
    await until(() => seen.known.size === 0, 'that nothing is left')
    assert.equal((await coordination.registers.read('k')).revision, 0)
    await servers.deleteRegisters()
    // Nobody has noticed yet, unless by this write.
    assert.deepEqual(await coordination.registers.write('k', bytes('late'), old.revision), { type: 'conflict' })
    await coordination.registers.write('k', bytes('2'), 0)
    await until(() => seen.known.get('k') === '2', 'the new value')
    assert.equal(coordination.isConnected, true)
  })

  test(`${name}: a server that is frozen is noticed, and used again when it goes on`, async (t) => {
    const servers = await begin(t, 1)
    const [a, b] = await Promise.all([connected(servers, 'a'), connected(servers, 'b')])
    const seen = watch(a)
    await until(() => seen.beginnings() === 1, 'the beginning')
    servers.freeze(0)
    // It stops in its own time.
    await assert.rejects(async () => {
      for (;;) await a.registers.read('k')
    }, isLost)
    // More than the system's buffers take: what can't be written must not keep the connection from being given up.
    for (let index = 0; index < 200; index++) a.bus.broadcast('lanes', new Uint8Array(1_000_000))
    await Promise.all([untilConnected(a, false), untilConnected(b, false)])
    servers.thaw(0)
    await Promise.all([untilConnected(a), untilConnected(b)])
    await untilHeard(a, b, 'again')
    await untilDone(() => a.registers.write('k', bytes('1'), 0))
    await until(() => seen.known.get('k') === '1', 'the value')
  })

  test(`${name}: a node that has to end does not wait for a frozen server`, async (t) => {
    const servers = await begin(t, 1)
    const coordination = await connected(servers, 'a')
    servers.freeze(0)
    const late = await servers.join('b')
    await Promise.all([coordination.close(), late.close()])
    assert.deepEqual([coordination.isConnected, late.isConnected], [false, false])
    servers.thaw(0)
  })

  test(`${name}: a connection that is cut comes back, time after time`, async (t) => {
    const servers = await begin(t, 1)
    const coordination = await connected(servers, 'a')
    const seen = watch(coordination)
    for (let round = 1; round <= 3; round++) {
      await until(() => seen.beginnings() >= round, `beginning ${round}`)
      const told: boolean[] = []
      const stop = coordination.onConnection((isConnected) => told.push(isConnected))
      servers.cutConnections()
      await until(() => told.length === 2, `connection ${round}`)
      stop()
      assert.deepEqual(told, [false, true])
      await coordination.registers.write(`k${round}`, bytes('x'), 0)
      await until(() => seen.known.has(`k${round}`), `register ${round}`)
    }
  })

  test(`${name}: a node may start before its server`, async (t) => {
    const servers = await begin(t, 1)
    await servers.kill(0)
    const coordination = await servers.join('a')
    const seen = watch(coordination)
    assert.equal(coordination.isConnected, false)
    await assert.rejects(coordination.registers.write('k', bytes('1'), 0), isLost)
    await servers.restart(0)
    await untilConnected(coordination)
    await until(() => seen.beginnings() === 1, 'the beginning')
    await coordination.registers.write('k', bytes('1'), 0)
    await until(() => seen.known.get('k') === '1', 'the value')
  })

  test(`${name}: of three servers the death of one costs no register`, async (t) => {
    const servers = await begin(t, 3)
    // It is told of one server only, and learns of the others from it.
    const [a, b] = await Promise.all([connected(servers, 'a', [0]), connected(servers, 'b', [1, 2])])
    const seen = watch(b)
    await untilDone(() => a.registers.write('k', bytes('1'), 0))
    await until(() => seen.known.get('k') === '1', 'the first value')
    await untilHeard(a, b, 'before')
    let losses = 0
    a.onConnection((isConnected) => void (losses += isConnected ? 0 : 1))
    await servers.kill(0)
    await until(() => losses === 1 && a.isConnected, 'another connection')
    const { value, revision } = await untilDone(() => a.registers.read('k'))
    assert.equal(Buffer.from(value ?? []).toString(), '1')
    await untilDone(async () => {
      const result = await a.registers.write('k', bytes('2'), revision)
      // A write that was given up may have happened.
      if (result.type === 'conflict')
        assert.equal(Buffer.from((await a.registers.read('k')).value ?? []).toString(), '2')
    })
    await until(() => seen.known.get('k') === '2', 'the second value')
    await untilHeard(a, b, 'after')
  })
}
