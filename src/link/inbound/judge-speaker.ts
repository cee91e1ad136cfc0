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
  const who = describe(client)
  if (rules === 'denied') {
    return refused('denied_by_rule', `${who} may not speak as ${peer}: a rule of authorization denies it`)
  }
  if (accept !== undefined) {
    const missing = misfits(client, accept)
    if (missing.length === 0) return { type: 'accepted' }
    return refused('not_accepted', `${who} may not speak as ${peer}: accept wants ${missing.join(' and ')}`)
  }
  if (rules === 'allowed' || client.brokerIsOpen) return { type: 'accepted' }
  const words = `${who} may not speak as ${peer}: the link has no accept, and no rule of authorization allows it`
  return refused('nobody_accepts', words)
}

/** What `accept` asks for and the client is not. */
function misfits(client: Speaker, { username, clientid_prefix, cert_common_name }: AcceptConfig): string[] {
  const wanted = [
    ['username', username, client.username === username],
    ['clientid_prefix', clientid_prefix, client.clientId.startsWith(clientid_prefix ?? '')],
    ['cert_common_name', cert_common_name, client.certificateCommonName === cert_common_name],
  ] as const
  return wanted.flatMap(([key, value, fits]) => (value === undefined || fits ? [] : [`${key} ${JSON.stringify(value)}`]))
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

function refused(reason: SpeakerRefusal, words: string): SpeakerVerdict {
  return { type: 'refused', reason, words }
}
