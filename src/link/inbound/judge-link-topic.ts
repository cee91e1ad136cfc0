/** What a client would be told that did something under `$LINK/`: for people who ask before they configure. Nothing is done or counted. */
import type { AcceptConfig } from '../../config/config.ts'
import type { LinkClient } from '../broker-port.ts'
import { judgeSpeaker, type Speaker } from './judge-speaker.ts'
import { parseLinkTopic } from './link-topic.ts'

export type LinkTopicVerdict =
  | { readonly type: 'accepted'; readonly peer: string; readonly by: 'rule' | 'accept' | 'open' }
  | { readonly type: 'refused'; readonly by: 'rule' | 'accept' | 'namespace'; readonly words: string }

export type LinkTopicQuestion = {
  readonly action: 'publish' | 'subscribe'
  readonly topic: string
  /** What the rules say of it. */
  readonly rules: ReturnType<LinkClient['verdict']>
}

/** @param linkTo the configured link to a peer */
export function judgeLinkTopic(
  speaker: Speaker,
  { action, topic, rules }: LinkTopicQuestion,
  linkTo: (peer: string) => { readonly accept?: AcceptConfig | undefined } | undefined,
): LinkTopicVerdict {
  const peer = peerOf(action, topic)
  if (peer === undefined) return { type: 'refused', by: 'namespace', words: `nobody may ${action} ${topic}` }
  const link = linkTo(peer)
  const verdict = judgeSpeaker(speaker, peer, link?.accept, rules)
  if (verdict.type === 'refused')
    return { type: 'refused', by: verdict.reason === 'denied_by_rule' ? 'rule' : 'accept', words: verdict.words }
  // Its routes are answered, with an error.
  if (link === undefined && parseLinkTopic(topic).type === 'msg')
    return { type: 'refused', by: 'namespace', words: `there is no link to ${peer}` }
  return { type: 'accepted', peer, by: link?.accept !== undefined ? 'accept' : rules === 'allowed' ? 'rule' : 'open' }
}

/** In whose name one would speak; `undefined` if nobody does that. */
function peerOf(action: LinkTopicQuestion['action'], topic: string): string | undefined {
  const parsed = parseLinkTopic(topic)
  if (parsed.type === 'resp') return action === 'subscribe' ? parsed.receiver : undefined
  return parsed.type !== 'other' && action === 'publish' ? parsed.sender : undefined
}
