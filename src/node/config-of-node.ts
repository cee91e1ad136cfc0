/** What a node reads from its whole configuration, and what of it stays when the node goes over to another one. */
import type { EnableAuthn } from '../config/authentication/authentication-config.ts'
import type { Config } from '../config/config.ts'
import { listenerTypes } from '../config/listeners/listener-config.ts'

/** The new configuration under the names that the node has: it is known by them until it starts anew. */
export function keepIdentity({ node, cluster: { name } }: Config, after: Config): Config {
  const links = after.cluster.links.map((link) =>
    link.clientid === after.cluster.name ? { ...link, clientid: name } : link,
  )
  return { ...after, node, cluster: { ...after.cluster, name, links } }
}

/** Other nodes, or clusters, have the same retained messages. */
export function isVersioning({ nats, links }: Config['cluster']): boolean {
  return nats !== undefined || links.some(({ retained }) => retained !== 'off')
}

/** As the listener's configuration says; `listener` by type and name. One that is gone asks for proof. */
export function enableAuthnOf({ listeners }: Config, listener: string): EnableAuthn {
  const [type, name = ''] = listener.split(/:(.*)/s)
  const known = listenerTypes.find((one) => one === type)
  return (known === undefined ? undefined : listeners[known][name])?.enable_authn ?? true
}
