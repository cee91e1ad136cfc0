/** Whether the two clusters know each other: what came of the handshakes, either way, and how each calls the other. Pure. */
import type { LinkConfig } from '../../config/config.ts'
import type { Account } from '../enquiry.ts'
import { broken, doubtful, fine, type Finding, skipped } from './finding.ts'
import type { LinkOnNode, Refused, Trouble } from './link-on-node.ts'

export type HandshakeFacts = {
  /** Our cluster. */
  readonly us: string
  readonly link: LinkConfig
  /** What the node knows that speaks to the peer for all of us; `undefined` for a link that is not saved. */
  readonly speaker: LinkOnNode | undefined
  /** What the peer says, if it is our like. */
  readonly account: Account | undefined
}

/** Whether the peer lets us tell what we want. */
export function judgeHandshake(facts: HandshakeFacts): Finding {
  const { speaker, account, us, link } = facts
  if (speaker === undefined) return judgeUnsaved(facts)
  const { routeSync, node } = speaker
  if (routeSync === null)
    return broken(
      `the link does not run on ${node}: ${speaker.reasons.join('; ')}`,
      'look into the log of this node; the link begins anew when it is disabled and enabled again',
    )
  const { phase, trouble } = routeSync
  switch (phase) {
    case 'syncing':
      return fine(`${node} has told the peer what we want: ${count(speaker.routes.ours, 'route')}`)
    case 'bootstrapping':
      return doubtful(
        `${node} is telling the peer what we want: what it was not told yet does not come from there`,
        'wait until the bootstrap is over, and ask again',
      )
    case 'standby':
      if (speaker.speaker !== null && speaker.speaker !== node)
        return doubtful(
          `${speaker.speaker} speaks to the peer for all of our cluster, and did not answer: how far it came is not known`,
          `look at the node ${speaker.speaker}, or ask there`,
        )
      return broken(
        `no node of our cluster speaks to the peer (${node} stands by)`,
        'look whether the nodes reach NATS (isthmus inspect leases), and whether all of them run',
      )
    case 'degraded':
      return broken(
        `the peer does not take our routes: ${trouble?.reason ?? 'it did not say why'}`,
        'look into the log of the peer; raise the limits that the reason names',
      )
    default:
      return trouble === undefined
        ? broken(
            `the peer took our connection and has not answered the handshake of the link (${phase})`,
            'ask again in a few seconds; if it stays so, look whether there is an Isthmus or an EMQX with cluster linking: other brokers know nothing of links',
          )
        : judgeTrouble(trouble, speaker, account, us, link)
  }
}

function judgeTrouble(
  { cause, reason, rejection }: Trouble,
  { inbound: { refusal } }: LinkOnNode,
  account: Account | undefined,
  us: string,
  link: LinkConfig,
): Finding {
  // It was so when we came last: what the peer says now is newer.
  if (rejection !== undefined && account?.cluster === link.name && account.link?.enable === true)
    return broken(
      `the peer rejected us when we came last (${rejection}), and would take us now`,
      `wait for the next attempt, which this node makes by itself, or disable and enable the link ${link.name} on this side`,
    )
  switch (rejection ?? cause) {
    case 'bad_remote_cluster_link_name':
      return namedOtherwise(link.name, account)
    case 'unknown_cluster':
      return unknownThere(refusal, us, account)
    case 'cluster_link_disabled':
      return broken(
        `the peer has disabled its link to us (${reason})`,
        `set enable = true of the link ${us} at the peer`,
      )
    case 'native_dialect_required':
    case 'not_native':
      return broken(
        reason,
        'set dialect = auto of the link on the side that wants native alone, or on the side that has dialect = emqx',
      )
    case 'handshake_timeout':
      return broken(
        `the peer took our connection and answers no handshake of a link: ${reason}`,
        'link to an Isthmus, or to an EMQX with cluster linking: other brokers know nothing of links. If it is one, look whether it may publish to us',
      )
    default:
      return broken(
        `the peer does not know what we want: ${reason}`,
        'this node will try again by itself; look into the log of the peer for why it ended the connection',
      )
  }
}

function namedOtherwise(name: string, account: Account | undefined): Finding {
  const real = account === undefined || account.cluster === name ? undefined : account.cluster
  return broken(
    `the peer’s cluster is not called ${name}${real === undefined ? '' : `, it is called ${real}`}`,
    `set name of the link on this side to ${real ?? 'what cluster.name says at the peer'} (now ${name}), or correct server if it leads to the wrong cluster`,
  )
}

function unknownThere(refusal: Refused | undefined, us: string, account: Account | undefined): Finding {
  if (refusal?.reason === 'bad_remote_cluster_link_name')
    return broken(
      `the peer has no link called ${us}: ${refusal.words}`,
      `set name of the peer’s link to ${us}, or cluster.name on this side to what the peer calls us`,
    )
  return broken(
    `the peer${account === undefined ? '' : ` (${account.cluster})`} has no link called ${us}, so that it does not know us`,
    `add a link to the peer’s configuration: name = ${us}, server = an address of this cluster, topics = what it wants of us`,
  )
}

/** Nothing of it runs: what can be known is what the peer says. */
function judgeUnsaved({ us, account }: HandshakeFacts): Finding {
  if (account === undefined) return skipped('the link is not saved: there is a handshake once it runs')
  if (account.link === null)
    return doubtful(
      `the peer (${account.cluster}) lets us in, and has no link called ${us} yet`,
      `add a link to the peer’s configuration: name = ${us}, server = an address of this cluster, topics = what it wants of us`,
    )
  if (!account.link.enable)
    return doubtful(`the peer has disabled its link to us`, `set enable = true of the link ${us} at the peer`)
  return fine(`the peer has a link called ${us}, and lets us in`)
}

/** How each side calls the other. */
export function judgeClusterNames({ us, link, speaker, account }: HandshakeFacts): Finding {
  if (account !== undefined && account.cluster !== link.name) return namedOtherwise(link.name, account)
  if (account !== undefined)
    return fine(`the peer calls itself ${account.cluster}, as this link does, and knows us as ${us}`)
  if (speaker === undefined) return skipped('an EMQX says how it is called in the handshake alone')
  return fine(`the peer has accepted ${us} under this name, and goes by ${link.name}`)
}

/** Whether the peer has come to us, to tell what it wants. */
export function judgeHandshakeBack({ us, link, account }: HandshakeFacts, nodes: readonly LinkOnNode[]): Finding {
  if (nodes.length === 0) return skipped('the link is not saved: the peer comes once it runs')
  const inbounds = nodes.map(({ inbound }) => inbound)
  const live = nodes.find(({ inbound }) => inbound.state === 'live')
  if (live !== undefined) {
    const came = `the peer has come to ${live.node} and has told us what it wants: ${count(live.inbound.routes, 'route')}`
    // It is believed for a while yet; but whoever came after that was turned away.
    const since = inbounds.find(({ refusal: one }) => one !== undefined)?.refusal
    if (since === undefined) return fine(came)
    const { detail, remedy } = judgeRefusal(since, us, link)
    return doubtful(`${came}; since then ${detail}`, remedy)
  }
  const refusal = inbounds.find(({ state }) => state === 'refused')?.refusal
  if (refusal !== undefined) return judgeRefusal(refusal, us, link)
  const left = inbounds.find(({ state }) => state === 'left')
  if (left !== undefined)
    return broken(
      `the peer has ${left.farewell ?? 'disabled'} its link to us`,
      `${left.farewell === 'deleted' ? 'add' : 'enable'} the link ${us} at the peer`,
    )
  if (inbounds.some(({ state }) => state === 'late'))
    return doubtful(
      'heartbeats of the peer are late: its last ones did not come',
      'look at the network between the two, and at the peer',
    )
  if (inbounds.some(({ state }) => state === 'stale'))
    return broken(
      'the peer has fallen silent: what it wanted last is kept for it, and messages wait',
      'look whether the peer runs and reaches this cluster under server of its link to us',
    )
  return judgeAbsent(nodes, us, link, account)
}

function judgeAbsent(
  nodes: readonly LinkOnNode[],
  us: string,
  link: LinkConfig,
  account: Account | undefined,
): Finding {
  const stranger = nodes.flatMap(({ strangers }) => strangers)[0]
  const hint =
    stranger === undefined
      ? ''
      : `; a cluster called ${stranger.cluster} came from ${stranger.remoteAddress}, and there is no link to it here`
  const reasons = account?.link?.reasons ?? []
  const why = reasons.length > 0 ? `; it says: ${reasons.join('; ')}` : ''
  const detail = `the peer has not come to us yet, so that it has told no routes and nothing goes there${why}${hint}`
  const remedy =
    stranger === undefined
      ? `look at server, username and ssl of the peer’s link ${us}: it has to lead to a listener of this cluster`
      : `if that is the peer, set name of the link on this side to ${stranger.cluster} (now ${link.name})`
  // An EMQX that wants nothing of us never comes.
  return account === undefined && stranger === undefined
    ? doubtful(detail, `${remedy}; an EMQX whose topics are empty never comes`)
    : broken(detail, remedy)
}

function judgeRefusal({ reason, words, clientId }: Refused, us: string, link: LinkConfig): Finding {
  const told = `we turned the peer away: ${words}`
  switch (reason) {
    case 'not_accepted':
      return broken(
        told,
        `set accept of the link ${link.name} on this side to what the peer shows, or clientid and username of the peer’s link ${us} to what accept wants`,
      )
    case 'denied_by_rule':
      return broken(
        told,
        `on this side, take away the rule of authorization that denies $LINK/cluster/... to client ${clientId}, or put one that allows it before`,
      )
    case 'nobody_accepts':
      return broken(
        told,
        `set accept of the link ${link.name} on this side, or add a rule: {allow, {clientid, "${clientId}"}, all, ["$LINK/cluster/+/${link.name}", "$LINK/cluster/resp/${link.name}/+"]}.`,
      )
    case 'bad_remote_cluster_link_name':
      return broken(told, `set name of the peer’s link to ${us}`)
    case 'cluster_link_disabled':
      return broken(told, `set enable = true of the link ${link.name} on this side`)
    case 'native_dialect_required':
      return broken(told, 'set dialect = auto of the link on this side, or of the peer’s')
    case 'too_many_routes':
    case 'too_many_actors':
      return broken(
        told,
        'narrow topics of the peer’s link to us, or look which clients of the peer subscribe to so much',
      )
    default:
      return broken(told, 'look into the logs of both sides')
  }
}

export function judgeDialect({ link, speaker, account }: HandshakeFacts): Finding {
  if (speaker === undefined) {
    return account === undefined
      ? skipped('found out when the link runs')
      : fine(`the peer is an Isthmus (${account.node}), whose own dialect is spoken once the link runs`)
  }
  const { peer, dialect } = speaker
  if (peer === null)
    return account !== undefined && link.dialect !== 'emqx'
      ? doubtful(
          'the peer is an Isthmus, and EMQX’s dialect is spoken: messages cross at least once, not exactly once',
          'set dialect = auto of the link on both sides',
        )
      : fine('EMQX’s dialect is spoken')
  const { node, version, features } = peer
  return fine(
    `the peer is the Isthmus ${node}: native dialect, version ${version}, with ${features.join(', ') || 'no features'} (we speak ${dialect.ours ?? 'nothing yet'}, it speaks ${dialect.peers ?? 'nothing to this node'})`,
  )
}

export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
