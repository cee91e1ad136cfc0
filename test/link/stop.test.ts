/** A link lets go at once of whatever it is doing, however it is ended, and leaves nothing behind. */
import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import test, { type TestContext } from 'node:test'
import type { LinkConfig } from '../../src/config/config.ts'
import { Acceptor, isPublish, type Answer, type Received } from './acceptor.ts'
import { behaving, isInit, isRoutes } from './behaving.ts'
import { linkConfig, message, passing, startRuntime } from './link-fixture.ts'

type Run = ReturnType<typeof startRuntime>
type State = {
  readonly when: string
  /** An acceptor's answers, `silent` for one that takes connections and says nothing, `none` for a port that nobody listens on. */
  readonly peer: Answer | 'silent' | 'none'
  readonly changes?: Partial<LinkConfig>
  readonly reached: (run: Run, acceptor: Acceptor | undefined, accepted: Promise<void>) => Promise<unknown>
}

const isMessage = ({ packet }: Received) => isPublish(packet) && packet.topic === '$LINK/cluster/msg/cl.a'
const isConnect = ({ packet }: Received) => packet.cmd === 'connect'

const states: readonly State[] = [
  {
    when: 'while TLS has not begun',
    peer: 'silent',
    changes: { ssl: { enable: true, verify: 'verify_none' } },
    reached: async (_run, _acceptor, accepted) => accepted,
  },
  {
    when: 'while CONNECT is unanswered',
    peer: () => {},
    reached: async (_run, acceptor) => acceptor?.packet(isConnect),
  },
  {
    when: 'while SUBSCRIBE is unanswered',
    peer: (received) => {
      if (received.packet.cmd === 'connect') behaving()(received)
    },
    reached: async (_run, acceptor) => acceptor?.packet(({ packet }) => packet.cmd === 'subscribe'),
  },
  {
    when: 'while actor_init is unanswered',
    peer: behaving({ ack: 'none' }),
    reached: async (_run, acceptor) => acceptor?.packet(isInit),
  },
  {
    when: 'within its bootstrap',
    peer: behaving({ puback: (received) => (isRoutes(received) ? undefined : 0) }),
    reached: async (_run, acceptor) => acceptor?.packet(isRoutes),
  },
  {
    when: 'while it runs',
    peer: behaving(),
    reached: async ({ status }) => status(({ state }) => state === 'running'),
  },
  {
    when: 'with messages in flight that nobody acknowledges',
    peer: behaving({ puback: (received) => (isMessage(received) ? undefined : 0) }),
    reached: async ({ runtime, status }, acceptor) => {
      await status(({ state }) => state === 'running')
      for (let index = 0; index < 50; index += 1) runtime.sinkOf('cl.b')?.accept(passing(message('t/1')))
      await acceptor?.packet(isMessage)
    },
  },
  {
    when: 'while it is refused',
    peer: behaving({ ack: { result: 'error', reason: 'unknown_cluster' } }),
    reached: async ({ status }) => status(({ reasons }) => reasons.some((words) => words.includes('unknown_cluster'))),
  },
  {
    when: 'while it waits for its next attempt',
    peer: 'none',
    reached: async ({ status }) => status(({ reasons }) => reasons.length === 2),
  },
]

const ends = [
  { how: 'stopped', end: ({ runtime, clock }: Run) => stopped(runtime.stop(), clock) },
  {
    how: 'disabled',
    end: async ({ runtime }: Run, config: LinkConfig) => runtime.apply([{ ...config, enable: false }]),
  },
  { how: 'deleted', end: async ({ runtime }: Run) => runtime.apply([]) },
]

for (const { when, peer: kind, changes, reached } of states) {
  for (const { how, end } of ends) {
    test(`a link that is ${how} ${when} is gone within a second`, async (t) => {
      const run = startRuntime()
      run.interest.add('t/1')
      const acceptor = typeof kind === 'function' ? new Acceptor(kind) : undefined
      const silent = await silentPeer(t)
      const port = acceptor === undefined ? silent.port : await acceptor.listen()
      if (kind === 'none') await silent.close()
      t.after(async () => {
        await run.runtime.stop(0)
        await acceptor?.close()
      })
      const config = linkConfig(port, { pool_size: 4, ...changes })
      run.runtime.apply([config])
      await reached(run, acceptor, silent.accepted)
      const startedMs = performance.now()
      await end(run, config)
      assert.ok(performance.now() - startedMs < 1_000, `${performance.now() - startedMs} ms`)
      assert.equal(run.clock.timers, 0)
      assert.equal(run.interest.listeners, 0)
      const sockets = acceptor === undefined ? silent.sockets : [...acceptor.clients].map(({ socket }) => socket)
      await Promise.all([...sockets].map(closed))
    })
  }
}

/** The drain of a stop goes by the clock of the links, which stands still by itself. */
async function stopped(stopping: Promise<void>, clock: Run['clock']): Promise<void> {
  const ticking = setInterval(() => clock.advance(10), 1)
  await stopping.finally(() => clearInterval(ticking))
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.destroyed) await new Promise((resolve) => socket.once('close', resolve))
}

/** Takes connections and never says a word. */
async function silentPeer(t: TestContext) {
  const sockets = new Set<Socket>()
  const server = createServer()
  const accepted = new Promise<void>((resolve) => {
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.on('error', () => socket.destroy()).resume()
      resolve()
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening')
  const close = async (): Promise<void> => {
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  t.after(close)
  return { port: address.port, sockets, accepted, close }
}
