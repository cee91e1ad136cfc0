/** Processes of nodes that coordinate over a real NATS, for tests. */
import type { TestContext } from 'node:test'
import type { NatsConfig } from '../../../src/config/nats/nats-config.ts'
import { NatsCoordination, type NatsPorts } from '../../../src/cluster/nats/nats-coordination.ts'
import { systemClock } from '../../../src/broker/clock.ts'
import { ClusterLogBook } from '../cluster-log-book.ts'

/** For what must come: a machine may be busy, and a frozen server is noticed after five seconds. */
const deadlineMs = 30_000
const stepMs = 5

export function natsConfig(servers: readonly string[], more: Partial<NatsConfig> = {}): NatsConfig {
  return { servers, tls: { enable: false, verify: 'verify_peer' }, prefix: 'isthmus', ...more }
}

export type NatsNode = { readonly coordination: NatsCoordination; readonly log: ClusterLogBook }

/** Connected or not; closed when the test is over. */
export async function joinNats(
  t: Pick<TestContext, 'after'>,
  config: NatsConfig,
  node: string,
  ports: Partial<NatsPorts> = {},
): Promise<NatsNode> {
  const log = new ClusterLogBook()
  const self = { node, boot: `boot of ${node}` }
  const coordination = new NatsCoordination(config, { self, clusterName: 'test', log, clock: systemClock, ...ports })
  t.after(() => coordination.close())
  return { coordination, log }
}

/** The same, and resolves when it is connected. */
export async function connectedNats(
  t: Pick<TestContext, 'after'>,
  config: NatsConfig,
  node: string,
  ports: Partial<NatsPorts> = {},
): Promise<NatsNode> {
  const joined = await joinNats(t, config, node, ports)
  await untilConnected(joined.coordination, true)
  return joined
}

export function untilConnected(coordination: NatsCoordination, isConnected: boolean): Promise<void> {
  if (coordination.isConnected === isConnected) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`not ${isConnected ? 'connected' : 'lost'} in time: ${coordination.problem ?? 'no problem'}`))
    }, deadlineMs)
    const stop = coordination.onConnection((now) => {
      if (now !== isConnected) return
      clearTimeout(timer)
      stop()
      resolve()
    })
  })
}

/** Asks again and again until it is so. */
export async function until(isTrue: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + deadlineMs
  while (!isTrue()) {
    if (performance.now() > endMs) throw new Error(`never came: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, stepMs))
  }
}

/** Asks again until the answer is no error. */
export async function untilDone<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  const endMs = performance.now() + deadlineMs
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (performance.now() > endMs) throw error
      await new Promise((resolve) => setTimeout(resolve, stepMs))
    }
  }
}
