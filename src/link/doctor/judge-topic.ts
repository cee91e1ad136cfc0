/** Whether a message of one topic would cross, either way: which route or filter lets it, and which does not. Pure. */
import { matches } from '../../topics/match.ts'
import { topicNameProblem } from '../../topics/topic-filter.ts'
import type { LinkConfig } from '../../config/config.ts'
import type { Account } from '../enquiry.ts'
import { broken, doubtful, fine, type Finding } from './finding.ts'
import { count } from './judge-handshake.ts'
import type { LinkOnNode } from './link-on-node.ts'

export type TopicFacts = {
  readonly topic: string
  /** Our cluster. */
  readonly us: string
  readonly link: LinkConfig
  /** Our other links that are enabled. */
  readonly others: readonly Pick<LinkConfig, 'name' | 'topics'>[]
  /** Of all nodes that answered. */
  readonly nodes: readonly LinkOnNode[]
  readonly account: Account | undefined
}

export type TopicFindings = {
  /** What is published here, to the peer; and the other way. */
  readonly out: Finding
  readonly back: Finding
}

/** One way is enough: most topics are to cross but one way. What would cross neither way is broken. */
export function judgeTopic(facts: TopicFacts): TopicFindings {
  const problem = impossible(facts.topic)
  if (problem !== undefined) return { out: problem, back: problem }
  const [out, back] = [judgeOut(facts), judgeBack(facts)]
  const crosses = [out, back].some(({ status }) => status !== 'failed')
  return crosses ? { out: soften(out), back: soften(back) } : { out, back }
}

/** The other way works. */
function soften(finding: Finding): Finding {
  return finding.status === 'failed' ? { ...finding, status: 'warning' } : finding
}

function impossible(topic: string): Finding | undefined {
  if (topicNameProblem(topic) !== undefined)
    return broken(
      `${JSON.stringify(topic)} is no topic that a message could have`,
      'ask for a topic name, without + and #',
    )
  if (/^\$(SYS|LINK)(\/|$)/.test(topic))
    return broken(
      `${topic} never crosses a link: what begins with $SYS/ or $LINK/ belongs to each node alone`,
      'publish it under another topic',
    )
  return undefined
}

function judgeOut({ topic, us, link, others, nodes, account }: TopicFacts): Finding {
  const route = nodes.find((node) => (node.topic?.peersRoute ?? null) !== null)?.topic?.peersRoute
  if (route !== undefined && route !== null)
    return judgeOrigin(`the peer wants it by its route ${route}`, topic, others)
  const there = account?.topic
  const routes = Math.max(0, ...nodes.map(({ inbound }) => inbound.routes))
  const atPeer = account?.link?.topics
  if (there !== undefined && !there.in_topics)
    return broken(
      `the peer does not want ${topic}: none of topics of its link ${us} holds it (${listOf(atPeer ?? [])})`,
      `add ${topic}, or a filter that holds it, to topics of the link ${us} at the peer`,
    )
  if (there !== undefined && !there.subscribed)
    return broken(
      `nobody at the peer has subscribed to ${topic}`,
      'subscribe to it at the peer: only what somebody there has subscribed to crosses',
    )
  if (there !== undefined)
    return broken(
      `somebody at the peer has subscribed to ${topic}, and the peer has not told us the route yet`,
      'ask again in a few seconds; if it stays so, look at the status of the link at the peer',
    )
  return broken(
    `none of the ${count(routes, 'route')} that the peer has told holds ${topic}: nobody there has subscribed to it, or topics of its link ${us} do not hold it`,
    `subscribe to it at the peer, and look whether topics of the link ${us} there hold it (this side is the link ${link.name})`,
  )
}

/** What came over one link goes over no other one. */
function judgeOrigin(words: string, topic: string, others: TopicFacts['others']): Finding {
  const sources = others.filter(({ topics }) => topics.some((filter) => matches(topic, filter))).map(({ name }) => name)
  if (sources.length === 0) return fine(`what is published here goes to the peer: ${words}`)
  return doubtful(
    `what is published here goes to the peer (${words}); what comes to us over the link ${sources.join(', ')} does not: a message crosses one link only`,
    `if it is published at ${sources.join(' or ')}, link that cluster and the peer directly`,
  )
}

function judgeBack({ topic, us, link, nodes, account }: TopicFacts): Finding {
  if (!link.topics.some((filter) => matches(topic, filter)))
    return broken(
      `we do not want ${topic} of the peer: none of topics of the link holds it (${listOf(link.topics)})`,
      `add ${topic}, or a filter that holds it, to topics of the link ${link.name} on this side`,
    )
  const subscriber = nodes.find((node) => (node.topic?.subscriber ?? null) !== null)?.topic?.subscriber ?? undefined
  if (subscriber === undefined)
    return broken(
      `nobody here has subscribed to ${topic}`,
      'subscribe to it on this side: only what somebody here has subscribed to crosses',
    )
  const route = nodes.find((node) => (node.topic?.ourRoute ?? null) !== null)?.topic?.ourRoute ?? undefined
  if (route === undefined || account?.topic?.routed === false)
    return broken(
      `somebody here has subscribed to ${topic} (${subscriber}), and the peer was not told the route yet`,
      'ask again in a few seconds; if it stays so, look at the handshake and at the progress of the bootstrap',
    )
  const there = account?.link
  if (there?.paused_by !== undefined)
    return broken(
      `the peer wants to send it, and has paused what it sends to us (${there.paused_by})`,
      `resume forwarding of the link ${us} at the peer`,
    )
  if (there !== undefined && there !== null && there.outbox.fill >= 1)
    return broken(
      `the outbox of the peer is full: ${count(there.outbox.messages, 'message')} wait there`,
      `look at the link ${us} at the peer`,
    )
  return fine(
    `what is published at the peer comes here: our subscriber of ${subscriber} is told to the peer by the route ${route}`,
  )
}

function listOf(topics: readonly string[]): string {
  const first = topics.slice(0, 5).join(', ')
  if (topics.length === 0) return 'topics = [], so that it wants nothing'
  return topics.length > 5 ? `${first} and ${topics.length - 5} more` : first
}
