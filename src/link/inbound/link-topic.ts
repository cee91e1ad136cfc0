/** The topics of the link protocol. Names are EMQX's; nothing else under `$LINK/` has a meaning. */

export type LinkTopic =
  /** Route operations of a cluster's actors. */
  | { readonly type: 'route'; readonly sender: string }
  /** Messages forwarded by a cluster. */
  | { readonly type: 'msg'; readonly sender: string }
  /** Where the actor of a cluster waits for answers. */
  | { readonly type: 'resp'; readonly receiver: string; readonly actor: string }
  | { readonly type: 'other' }

const prefix = '$LINK/cluster/'

/** Where the actors of this cluster publish their routes. */
export function routeTopic(sender: string): string {
  return `${prefix}route/${sender}`
}

/** Where the nodes of this cluster publish messages. */
export function messageTopic(sender: string): string {
  return `${prefix}msg/${sender}`
}

/** Where the actor of a cluster waits for answers. @param receiver who answers */
export function answerTopic(receiver: string, actor: string): string {
  return `${prefix}resp/${receiver}/${actor}`
}

/** Reads a topic or a filter: one with a wildcard is `other`, since nobody may listen to more than its own answers. */
export function parseLinkTopic(topic: string): LinkTopic {
  if (!topic.startsWith(prefix) || /[+#]/.test(topic)) return { type: 'other' }
  const [kind, cluster = '', ...rest] = topic.slice(prefix.length).split('/')
  if (cluster === '') return { type: 'other' }
  if (kind === 'resp') {
    const actor = rest.join('/')
    return actor === '' ? { type: 'other' } : { type: 'resp', receiver: cluster, actor }
  }
  if ((kind === 'route' || kind === 'msg') && rest.length === 0) return { type: kind, sender: cluster }
  return { type: 'other' }
}
