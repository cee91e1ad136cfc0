/** Ties the API to the parts of a node, and opens it. */
import type { AddressInfo } from 'node:net'
import { createApiServer } from '../api/api-server.ts'
import { MemberCalls } from '../api/member-calls.ts'
import { statusApi } from '../api/status.ts'
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../broker/clock.ts'
import type { Logger } from '../broker/logger.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { formatAddress, parseBind } from '../config/address.ts'
import type { Config } from '../config/config.ts'
import type { LinkGate } from '../link/inbound/link-gate.ts'
import type { LinkRuntime } from '../link/link-runtime.ts'
import type { TransitionHistory } from '../transitions/transition-history.ts'
import { membersOf } from './members-of.ts'

/** What the API needs of a node. */
export type NodeForApi = {
  /** As it is now: it changes while the node runs. */
  readonly config: () => Config
  readonly broker: Broker
  readonly links: LinkRuntime
  readonly gate: LinkGate
  /** `undefined` for a node that is alone. */
  readonly cluster: Cluster | undefined
  readonly history: TransitionHistory
  readonly clock: Clock
  readonly log: Logger
}

export type OpenApi = {
  /** Where it really listens. */
  readonly address: string
  close(): Promise<void>
}

/** Rejects if it can't listen there. */
export async function openApi(bind: string, { config, cluster, log }: NodeForApi): Promise<OpenApi> {
  const { node } = config()
  const calls = new MemberCalls(membersOf(node.name, cluster))
  const app = await createApiServer({ parts: [statusApi(calls.self)], roots: [], log })
  await app.listen(parseBind(bind))
  // Whoever listens on TCP has such an address.
  const { address, port } = app.server.address() as AddressInfo
  return { address: formatAddress({ host: address, port }), close: () => app.close() }
}
