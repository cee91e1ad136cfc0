/** Whether a message that a peer forwarded comes in. */
import type { InboundRefusal } from '../../lanes/inbound-ledger.ts'
import type { Message } from '../../packets/message.ts'
import { reasonCode } from '../../packets/reason-code.ts'
import { matches } from '../../topics/match.ts'
import type { LinkMessageResult, MalformedMessage } from '../emqx/link-message.ts'

export type MessageVerdict =
  | {
      readonly type: 'accepted'
      /** With the peer as its origin, so that no link of ours takes it further. */
      readonly message: Message
    }
  | {
      readonly type: 'refused'
      readonly reason: InboundRefusal
      /** For the PUBACK or PUBREC. */
      readonly reasonCode: number
      readonly words: string
    }

export type MessageGate = {
  /** The peer's name. */
  readonly name: string
  readonly enable: boolean
  /** What we want from the peer. */
  readonly topics: readonly string[]
  /** With `off` nothing that comes from the peer is retained here. */
  readonly retained?: 'live' | 'sync' | 'off'
}

/**
 * EMQX drops a message of a disabled link, of another record, or outside the topics, and answers as if nobody had subscribed.
 * Where EMQX crashes and lets the packet through as an ordinary publish, we say what is wrong with it.
 */
export function judgeMessage(gate: MessageGate, localCluster: string, decode: () => LinkMessageResult): MessageVerdict {
  if (!gate.enable) return refused('link_disabled', reasonCode.noMatchingSubscribers, 'the link is disabled here')
  const decoded = decode()
  if (decoded.type === 'malformed') return refused('malformed', malformedCodes[decoded.reason], decoded.detail)
  const { message, claimedOrigin } = decoded
  if (!isWanted(message.topic, gate.topics)) {
    return refused('not_in_topics', reasonCode.noMatchingSubscribers, `${message.topic} is not among the link's topics`)
  }
  // EMQX never sends on what came over a link. Whoever does must not bring our own messages back to us.
  if (claimedOrigin === localCluster) {
    return refused('duplicate', reasonCode.noMatchingSubscribers, `${message.topic} came from here`)
  }
  const retain = message.retain && gate.retained !== 'off'
  return { type: 'accepted', message: { ...message, retain, origin: gate.name } }
}

const malformedCodes: Readonly<Record<MalformedMessage, number>> = {
  bad_term: reasonCode.payloadFormatInvalid,
  wrong_record: reasonCode.noMatchingSubscribers,
  bad_field: reasonCode.noMatchingSubscribers,
  bad_topic: reasonCode.topicNameInvalid,
}

/** What is under `$LINK/` never comes in as a message, whatever the topics say. */
function isWanted(topic: string, topics: readonly string[]): boolean {
  return !topic.startsWith('$LINK/') && topics.some((topicFilter) => matches(topic, topicFilter))
}

function refused(reason: InboundRefusal, code: number, words: string): MessageVerdict {
  return { type: 'refused', reason, reasonCode: code, words }
}
