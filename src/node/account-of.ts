/** What a node tells a peer that examines its link to it. */
import type { Broker } from '../broker/broker.ts'
import type { Config } from '../config/config.ts'
import type { Account, Enquiry } from '../link/enquiry.ts'
import type { LinkGate } from '../link/inbound/link-gate.ts'
import type { LinkRuntime } from '../link/link-runtime.ts'
import { matches } from '../topics/match.ts'
import { topicNameProblem } from '../topics/topic-filter.ts'
import { peersRouteOf, subscriberOf } from './topic-on-node.ts'

export type NodeForAccount = {
  readonly config: () => Config
  readonly broker: Broker
  readonly links: LinkRuntime
  readonly gate: () => LinkGate
}

/** @param peer who asks, and may speak for it */
export async function accountOf(
  { config, broker, links, gate }: NodeForAccount,
  peer: string,
  { topic }: Enquiry,
): Promise<Account> {
  const { node, cluster } = config()
  const link = cluster.links.find(({ name }) => name === peer)
  const who = { cluster: cluster.name, node: node.name }
  if (link === undefined) return { ...who, link: null }
  const status = links.status(peer)
  const inbound = gate().inboundStatus(peer)
  const outbox = links.senderView(peer)?.outbox
  const pause = links.pauseOf(peer)
  const { accepted = 0, not_in_topics = 0, link_disabled = 0, malformed = 0 } = inbound?.messages ?? {}
  const asked = topic === undefined || topicNameProblem(topic) !== undefined ? undefined : topic
  return {
    ...who,
    link: {
      enable: link.enable,
      topics: [...link.topics],
      status: status?.state ?? 'stopped',
      reasons: [...(status?.reasons ?? [])],
      ...(pause === undefined ? {} : { paused_by: pause.by }),
      outbox: { messages: outbox?.messages ?? 0, fill: outbox?.fill ?? 0 },
      delivered: links.ledger(peer)?.delivered ?? 0,
      accepted,
      refused: not_in_topics + link_disabled + malformed,
      routes: inbound?.routes ?? 0,
    },
    ...(asked === undefined
      ? {}
      : {
          topic: {
            in_topics: link.topics.some((filter) => matches(asked, filter)),
            subscribed: (await subscriberOf(broker, asked)) !== undefined,
            routed: (await peersRouteOf(broker, peer, asked)) !== undefined,
          },
        }),
  }
}
