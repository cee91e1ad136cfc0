/** Opens the API of a node: an HTTP server before what the node answers to its members anyway, for those who may ask. */
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { apiDocument } from '../api/api-document.ts'
import { createApiServer } from '../api/api-server.ts'
import { dashboardFiles } from '../api/dashboard-files.ts'
import { safeHeaders } from '../api/safe-headers.ts'
import { statusApi } from '../api/status.ts'
import type { TlsServer } from '../api/tls-server.ts'
import { formatAddress, parseBind } from '../config/address.ts'
import { productVersion } from '../config/version.ts'
import type { MemberAnswers } from './answer-members.ts'
import type { NodeForApi } from './node-for-api.ts'
import { openAccess } from './open-access.ts'
import { openLive } from './open-live.ts'
import { openMonitoring } from './open-monitoring.ts'
import { openTls } from './open-tls.ts'

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
export async function openApi(
  bind: string,
  node: NodeForApi,
  { calls, parts, audit }: MemberAnswers,
): Promise<OpenApi> {
  const access = openAccess(node, audit)
  const { guard, local } = access
  const monitoring = openMonitoring(node, access.credentials)
  const live = openLive(node, calls, access, async (path) => {
    const { authorization } = local
    const answer = await app.inject({ url: `/api/v5${path}`, headers: { authorization } })
    return answer.statusCode === 200 ? answer.json<object>() : undefined
  })
  const app = await createApiServer({
    before: [safeHeaders, apiDocument(productVersion())],
    guard,
    parts: [statusApi(calls.self), ...access.parts, ...parts, live, ...monitoring.parts],
    roots: [...monitoring.roots, dashboardFiles(DASHBOARD)],
    log: node.log,
  })
  let tls: TlsServer | undefined
  const close = async (): Promise<void> => {
    local.remove()
    // Connections on which nothing was ever asked, such as browsers open for later, are not idle to Node: it would wait for them.
    const late = setTimeout(() => {
      app.server.closeAllConnections()
      tls?.closeConnections()
    }, CLOSE_MS)
    tls?.stopListening()
    await app.close()
    clearTimeout(late)
    tls?.closeConnections()
    access.stop()
  }
  try {
    await access.start()
    await app.listen(parseBind(bind))
    tls = await openTls(app, node)
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
