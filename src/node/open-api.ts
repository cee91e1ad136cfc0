/** Ties the API to the parts of a node, and opens it. */
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { apiDocument } from '../api/api-document.ts'
import { createApiServer } from '../api/api-server.ts'
import { linksApi } from '../api/links/links-api.ts'
import { dashboardFiles } from '../api/dashboard-files.ts'
import { MemberCalls } from '../api/member-calls.ts'
import { safeHeaders } from '../api/safe-headers.ts'
import { statusApi } from '../api/status.ts'
import type { TlsServer } from '../api/tls-server.ts'
import type { RuleAuthorizer } from '../broker/access/acl/rule-authorizer.ts'
import type { Authentication } from '../broker/access/authentication/authentication.ts'
import type { UserTable } from '../broker/access/authentication/user-table.ts'
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../broker/clock.ts'
import type { Logger } from '../broker/logger.ts'
import type { Server } from '../broker/server.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Sender } from '../cluster/coordination.ts'
import { formatAddress, parseBind } from '../config/address.ts'
import type { DecideLinks } from '../cluster/config/link-edits.ts'
import type { Config, LinkConfig } from '../config/config.ts'
import { productVersion } from '../config/version.ts'
import type { LinkGate } from '../link/inbound/link-gate.ts'
import type { LinkRuntime } from '../link/link-runtime.ts'
import type { TransitionHistory } from '../transitions/transition-history.ts'
import { LinksOfNode } from './links-of.ts'
import { openAccess } from './open-access.ts'
import { openClients } from './api-of-clients.ts'
import type { ComponentLog } from './component-log.ts'
import { membersOf } from './members-of.ts'
import { openDoctor } from './open-doctor.ts'
import { openLive } from './open-live.ts'
import { openMonitoring } from './open-monitoring.ts'
import { openTls } from './open-tls.ts'
import type { SharedUsers } from './shared-users.ts'
import type { NodeAlarms } from './watch-alarms.ts'

/** What the API needs of a node. */
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
  /** Why clients are not to be sent here now; empty if they are. */
  readonly unreadyReasons: () => readonly string[]
  readonly clock: Clock
  readonly log: Logger
  /** Of all parts of the node. */
  readonly logs: ComponentLog
}

export type OpenApi = {
  /** Where it really listens. */
  readonly address: string
  close(): Promise<void>
}

/** Built beside the compiled sources. */
const DASHBOARD = fileURLToPath(new URL('../../dashboard', import.meta.url))
/** How long requests that are under way may take when the node stops, milliseconds. */
const CLOSE_MS = 500

/** Rejects if it can't listen there. */
export async function openApi(bind: string, parts: NodeForApi): Promise<OpenApi> {
  const { config, cluster, log } = parts
  const { node } = config()
  const calls = new MemberCalls(membersOf(node.name, cluster))
  const access = openAccess(parts, calls)
  const { credentials, guard, local } = access
  const monitoring = openMonitoring(parts, calls, credentials)
  const links = new LinksOfNode(parts)
  links.start()
  const live = openLive(parts, calls, credentials, {
    links,
    get: async (path) => {
      const { authorization } = local
      const answer = await app.inject({ url: `/api/v5${path}`, headers: { authorization } })
      return answer.statusCode === 200 ? answer.json<object>() : undefined
    },
  })
  const clients = openClients(parts, calls)
  const app = await createApiServer({
    before: [safeHeaders, apiDocument(productVersion())],
    guard,
    parts: [
      statusApi(calls.self),
      ...access.parts,
      ...clients.parts,
      linksApi(calls, links),
      openDoctor(parts, calls),
      ...live.parts,
      ...monitoring.parts,
    ],
    roots: [...monitoring.roots, dashboardFiles(DASHBOARD)],
    log,
  })
  let tls: TlsServer | undefined
  const close = async (): Promise<void> => {
    local.remove()
    clients.stop()
    live.stop()
    links.stop()
    // Connections on which nothing was ever asked, such as browsers open for later, are not idle to Node: it would wait for them.
    const late = setTimeout(() => {
      app.server.closeAllConnections()
      tls?.closeConnections()
    }, CLOSE_MS)
    tls?.stopListening()
    await app.close()
    clearTimeout(late)
    tls?.closeConnections()
    await access.stop()
  }
  try {
    await access.start()
    await app.listen(parseBind(bind))
    tls = await openTls(app, parts)
    // Whoever listens on TCP has such an address.
    const { address, port } = app.server.address() as AddressInfo
    local.write(`http://${formatAddress({ host: fromHere(address), port })}`)
    return { address: formatAddress({ host: address, port }), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Where this machine reaches what listens on all of its addresses. */
function fromHere(address: string): string {
  if (/^[0.]+$/.test(address)) return '127.0.0.1'
  return address === '::' ? '::1' : address
}
