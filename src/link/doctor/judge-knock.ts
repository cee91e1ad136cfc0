/** What the peer answered to a connection of the doctor's own: who we are there, and what we may do. Pure. */
import type { LinkConfig } from '../../config/config.ts'
import { describeReasonCode, type LinkFailure } from '../link-failure.ts'
import { broken, doubtful, fine, type Finding } from './finding.ts'
import type { Caller, Reply } from './knock.ts'

/** What of a failed connection tells that our certificate was not taken, or that there was none. */
export function certificateRefusal({ cause, reason }: LinkFailure): string | undefined {
  if (cause !== 'socket_error') return undefined
  return /alert (certificate required|bad certificate|unknown ca|handshake failure|certificate unknown|certificate expired|certificate revoked|unsupported certificate|access denied)/i.exec(
    reason,
  )?.[0]
}

export function judgeConnect(failure: LinkFailure | undefined, link: LinkConfig, usesTls: boolean): Finding {
  if (failure === undefined) return fine('the peer took our CONNECT (0x00 Success)')
  const { cause, reasonCode, reason } = failure
  if (cause === 'broker_connect_refused') return broken(reason, connectRemedy(reasonCode, link))
  if (cause === 'broker_connect_timeout')
    return broken(
      `${reason}: whoever listens there does not answer a CONNECT`,
      'give server of the link on this side the port of an MQTT listener of the peer; if it is one, look whether the peer is overloaded',
    )
  if (cause === 'malformed_packet')
    return broken(reason, 'give server of the link on this side the port of a listener for MQTT over TCP')
  if (usesTls)
    return broken(
      `the peer ended the connection after TLS, and before it answered our CONNECT: ${reason}`,
      link.ssl.certfile === undefined
        ? 'if its listener wants certificates of clients (verify = verify_peer there), set ssl.certfile and ssl.keyfile of the link on this side'
        : 'look into the log of the peer for why it ended the connection',
    )
  return broken(
    `the peer ended the connection before it answered our CONNECT: ${reason}`,
    'if its listener speaks TLS, set ssl.enable = true of the link on this side; else look into the log of the peer',
  )
}

function connectRemedy(reasonCode: number | undefined, { username, clientid }: LinkConfig): string {
  switch (reasonCode ?? 0x80) {
    case 0x84:
      return 'the peer does not speak MQTT 5, which links need: link to another broker'
    case 0x85:
      return `let the peer take ClientIDs that begin with ${clientid}:, or set clientid of the link on this side to what it takes`
    case 0x86:
      return username === undefined
        ? 'set username and password of the link on this side to those of a user whom the peer knows'
        : `set password of the link on this side to that of the user ${username} at the peer, or add this user there`
    case 0x87:
      return username === undefined
        ? `set username and password of the link on this side, or let the peer take clients whose ClientIDs begin with ${clientid}:`
        : `let the peer take the user ${username} with ClientIDs that begin with ${clientid}:`
    case 0x88:
    case 0x89:
      return 'the peer is not ready or is overloaded (or what it asks who somebody is does not answer): look at the peer'
    case 0x8a:
      return `lift the ban of ClientIDs that begin with ${clientid}:, of the user or of this machine's address at the peer`
    case 0x97:
      return 'raise max_connections of the peer’s listener, or its quota'
    case 0x9f:
      return 'wait until the ban after failed logins is over (authentication_settings.failed_logins at the peer), or raise max_conn_rate of its listener'
    default:
      return 'look into the log of the peer for why it refused'
  }
}

/** @param limits of the peer's CONNACK, in words */
export function judgeIdentity({ clientId }: Caller, { username, clientid }: LinkConfig): Finding {
  const user = username === undefined ? 'without a user name' : `as user ${username}`
  return fine(`we are there ${user}, with ClientIDs that begin with ${clientid}: (this one was ${clientId})`)
}

export type Right = {
  readonly action: 'subscribe' | 'publish'
  readonly topic: string
  /** What it is good for: of a sentence. */
  readonly purpose: string
}

export function judgeRight(
  reply: Reply,
  { action, topic, purpose }: Right,
  peer: { readonly us: string },
  link: LinkConfig,
): Finding {
  const doing = `${action} ${topic}, ${purpose}`
  if (reply.type === 'silent')
    return broken(
      `the peer did not answer within ${reply.afterMs} ms when we tried to ${doing}`,
      'look whether the peer is overloaded, or something between swallows packets',
    )
  if (reply.type === 'ended') {
    // What EMQX 6.2 does to a question that it does not know: it let us ask.
    if (reply.failure.reasonCode === 0x83 && action === 'publish') return fine(`we may ${doing}`)
    return broken(
      `the peer ended the connection when we tried to ${doing}: ${reply.failure.reason}`,
      rightRemedy(action, topic, peer.us, link),
    )
  }
  const { reasonCode } = reply
  if (reasonCode < 0x80) return fine(`we may ${doing}`)
  const words = `the peer does not let us ${doing}: ${describeReasonCode(reasonCode)}`
  if (reasonCode === 0x87 || reasonCode === 0x80 || reasonCode === 0x83)
    return broken(words, rightRemedy(action, topic, peer.us, link))
  if (reasonCode === 0x97) return doubtful(words, 'raise the quota or the rate limits at the peer')
  return broken(words, 'look into the log of the peer')
}

function rightRemedy(action: string, topic: string, us: string, { username, clientid }: LinkConfig): string {
  const who = username === undefined ? `{clientid, {re, "^${clientid}:"}}` : `{username, "${username}"}`
  const rule = `{allow, ${who}, ${action}, ["${topic}"]}.`
  return `at the peer, let this client speak as ${us}: make accept of its link ${us} fit (${username === undefined ? '' : `username ${username}, `}clientid_prefix ${clientid}:), take away the rule that denies it, or add a rule before it: ${rule}`
}
