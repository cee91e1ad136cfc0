/** ClientIDs of a link's connections: one for routes, one for each of the pool. */
import { createHash } from 'node:crypto'

/**
 * Nodes of a cluster are told apart by their slots; one alone says who it is as EMQX's do.
 * @param prefix the link's `clientid`
 * @param of the connection for routes, or one of the pool by its number
 */
export function clientIdOf(
  prefix: string,
  of: 'routes' | number,
  { slot, nodeName }: { readonly slot: number | undefined; readonly nodeName: string },
): string {
  if (slot !== undefined) return of === 'routes' ? `${prefix}:${slot}:route` : `${prefix}:${slot}:msg:${of}`
  const nodeHash = createHash('sha1').update(nodeName).digest('hex').slice(0, 8)
  return of === 'routes' ? `${prefix}:routesync:${nodeHash}` : `${prefix}:msg:${nodeHash}:${of}`
}
