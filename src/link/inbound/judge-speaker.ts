/** Whether a connection may speak for a peer: by the broker's rules, by the link's `accept`, or because nothing is guarded anyway. */
import type { AcceptConfig } from '../../config/config.ts'
import type { LinkClient } from '../broker-port.ts'

export type Speaker = Pick<LinkClient, 'clientId' | 'username' | 'certificateCommonName' | 'brokerIsOpen'>

export type SpeakerVerdict =
  | { readonly type: 'accepted' }
  | {
      readonly type: 'refused'
      readonly reason: SpeakerRefusal
      /** For people on our side: who came, and what did not fit. */
      readonly words: string
    }

export type SpeakerRefusal =
  /** A rule of `authorization` names what the client did under `$LINK/`, and denies it. */
  | 'denied_by_rule'
  /** Its identity is not that of the link's `accept`. */
  | 'not_accepted'
  /** Neither `accept` nor a rule lets it, and the broker is not open. */
  | 'nobody_accepts'

/**
 * @param accept of the link that the topic names; what it asks for must fit whatever the rules allow
 * @param rules what they say of this action and topic
 */
export function judgeSpeaker(
  client: Speaker,
  peer: string,
  accept: AcceptConfig | undefined,
  rules: ReturnType<LinkClient['verdict']>,
): SpeakerVerdict {
  if (rules === 'denied') return refused('denied_by_rule', client, peer, 'a rule of authorization denies it')
  if (accept !== undefined) {
    return fits(client, accept) ? accepted : refused('not_accepted', client, peer, `accept wants ${wanted(accept)}`)
  }
  if (rules === 'allowed' || client.brokerIsOpen) return accepted
  return refused('nobody_accepts', client, peer, 'the link has no accept, and no rule of authorization allows it')
}

/** Asked for every packet. */
const accepted: SpeakerVerdict = { type: 'accepted' }

function fits(client: Speaker, { username, clientid_prefix, cert_common_name }: AcceptConfig): boolean {
  return (
    (username === undefined || client.username === username) &&
    (clientid_prefix === undefined || client.clientId.startsWith(clientid_prefix)) &&
    (cert_common_name === undefined || client.certificateCommonName === cert_common_name)
  )
}

function wanted(accept: AcceptConfig): string {
  const parts = Object.entries(accept).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key} ${quoted(value)}`],
  )
  return parts.join(' and ')
}

/** What a stranger calls itself may be long. */
function describe({ clientId, username, certificateCommonName }: Speaker): string {
  const more = [
    ...(username === undefined ? [] : [`user name ${quoted(username)}`]),
    ...(certificateCommonName === undefined ? [] : [`certificate ${quoted(certificateCommonName)}`]),
  ]
  return `client ${quoted(clientId)}${more.length === 0 ? '' : ` (${more.join(', ')})`}`
}

const quoted = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text)

function refused(reason: SpeakerRefusal, client: Speaker, peer: string, because: string): SpeakerVerdict {
  return { type: 'refused', reason, words: `${describe(client)} may not speak as ${peer}: ${because}` }
}
