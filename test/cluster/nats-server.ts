/** A real `nats-server` for a test, gone when the test is over. */
import type { TestContext } from 'node:test'
import {
  type NatsServer,
  type NatsServerOptions,
  startNatsServer,
  startNatsServers,
} from '../../src/cli/demo/nats-server.ts'

export type TestNats = Omit<NatsServer, 'freeze' | 'thaw' | 'stop'> & {
  /** SIGSTOP: connections stay open and nothing answers. */
  stop(): void
  /** SIGCONT. */
  cont(): void
}

/** Where something is to be undone: a test, or a suite of them (`after` of `node:test`). */
export type Ending = Pick<TestContext, 'after'>

export async function startNats(t: Ending, options: NatsServerOptions = {}): Promise<TestNats> {
  return forTest(t, await startNatsServer(options))
}

/** One NATS cluster; each server can be killed and restarted by itself. */
export async function startNatsCluster(t: Ending, count: number): Promise<readonly TestNats[]> {
  return (await startNatsServers(count)).map((server) => forTest(t, server))
}

function forTest(t: Ending, server: NatsServer): TestNats {
  t.after(() => server.stop())
  return {
    url: server.url,
    port: server.port,
    get pid() {
      return server.pid
    },
    kill: () => server.kill(),
    restart: () => server.restart(),
    wipe: () => server.wipe(),
    stop: () => server.freeze(),
    cont: () => server.thaw(),
  }
}
