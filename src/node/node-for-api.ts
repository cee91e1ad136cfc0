/** A node as those see it who answer for it: the other members of its cluster, and whoever asks its API. */
import type { RuleAuthorizer } from '../broker/access/acl/rule-authorizer.ts'
import type { Authentication } from '../broker/access/authentication/authentication.ts'
import type { UserTable } from '../broker/access/authentication/user-table.ts'
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../broker/clock.ts'
import type { Logger } from '../broker/logger.ts'
import type { Server } from '../broker/server.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { DecideLinks } from '../cluster/config/link-edits.ts'
import type { Sender } from '../cluster/coordination.ts'
import type { Config, LinkConfig } from '../config/config.ts'
import type { LinkGate } from '../link/inbound/link-gate.ts'
import type { LinkRuntime } from '../link/link-runtime.ts'
import type { TransitionHistory } from '../transitions/transition-history.ts'
import type { ComponentLog } from './component-log.ts'
import type { SharedUsers } from './shared-users.ts'
import type { SpanCounts } from '../metrics/traces/span-queue.ts'
import type { NodeAlarms } from './watch-alarms.ts'

export type NodeForApi = {
  /** As it is now: it changes while the node runs. */
  readonly config: () => Config
  /** This process among the members of the cluster. */
  readonly self: Sender
  readonly broker: Broker
  readonly server: Server
  readonly authorizer: RuleAuthorizer
  readonly users: UserTable
  readonly sharedUsers: SharedUsers
  readonly authentication: Authentication
  readonly links: LinkRuntime
  readonly gate: LinkGate
  /** See `Node.changeLinks`. */
  readonly changeLinks: (decide: DecideLinks) => Promise<readonly LinkConfig[]>
  /** `undefined` for a node that is alone. */
  readonly cluster: Cluster | undefined
  readonly history: TransitionHistory
  readonly alarms: NodeAlarms
  /** Of traces; `undefined` without them. */
  readonly spans: () => SpanCounts | undefined
  /** Why clients are not to be sent here now; empty if they are. */
  readonly unreadyReasons: () => readonly string[]
  readonly clock: Clock
  readonly log: Logger
  /** Of all parts of the node. */
  readonly logs: ComponentLog
}
