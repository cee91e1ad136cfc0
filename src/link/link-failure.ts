/**
 * Why a connection of a link ended or a step on it failed: a cause for programs, words for people, and how soon to try again.
 * Nothing here is final: whatever the table does not know is recoverable, since giving up on it would lose messages.
 */

export type FailureCause =
  // EMQX's words, as its alarms carry them.
  | 'broker_disconnect'
  | 'broker_connect_refused'
  | 'broker_connect_timeout'
  | 'malformed_packet'
  | 'socket_error'
  // Ours.
  | 'peer_silent'
  | 'subscribe_refused'
  | 'handshake_rejected'
  | 'handshake_timeout'
  | 'routes_refused'
  | 'routes_unconfirmed'
  | 'dialect_changed'
  | 'messages_refused'
  | 'not_native'
  | 'mute'
  | 'crashed'

export type LinkFailure = {
  readonly cause: FailureCause
  /** Words for people. */
  readonly reason: string
  /** The MQTT 5 reason code with which the peer said so. */
  readonly reasonCode?: number
  /** The word with which an acceptor rejected our `actor_init`. */
  readonly rejection?: string
  /** `refused`: the peer answered and said no, which only somebody's hand will change. `lost`: anything else. */
  readonly kind: 'refused' | 'lost'
  readonly logLevel: 'info' | 'warn'
}

/** Reason codes of CONNACK, SUBACK, PUBACK and DISCONNECT (MQTT 5, 2.4), in its words. */
const reasonWords: Readonly<Record<number, string>> = {
  0x00: 'Normal disconnection',
  0x10: 'No matching subscribers',
  0x80: 'Unspecified error',
  0x81: 'Malformed Packet',
  0x82: 'Protocol Error',
  0x83: 'Implementation specific error',
  0x84: 'Unsupported Protocol Version',
  0x85: 'Client Identifier not valid',
  0x86: 'Bad User Name or Password',
  0x87: 'Not authorized',
  0x88: 'Server unavailable',
  0x89: 'Server busy',
  0x8a: 'Banned',
  0x8b: 'Server shutting down',
  0x8c: 'Bad authentication method',
  0x8d: 'Keep Alive timeout',
  0x8e: 'Session taken over',
  0x8f: 'Topic Filter invalid',
  0x90: 'Topic Name invalid',
  0x93: 'Receive Maximum exceeded',
  0x95: 'Packet too large',
  0x96: 'Message rate too high',
  0x97: 'Quota exceeded',
  0x98: 'Administrative action',
  0x99: 'Payload format invalid',
  0x9a: 'Retain not supported',
  0x9b: 'QoS not supported',
  0x9c: 'Use another server',
  0x9d: 'Server moved',
  0x9f: 'Connection rate exceeded',
  0xa0: 'Maximum connect time',
}

/** Reason codes of a server that is well and will be back: nobody need be told at the level of a warning. */
const passingCodes: ReadonlySet<number> = new Set([0x00, 0x88, 0x89, 0x8b, 0x8e])

/** Errors of Node's sockets, DNS and TLS, in words. A code that is not here is shown as it is, and tried again like all of them. */
const socketWords: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ECONNREFUSED: 'nobody listens there',
    ECONNRESET: 'connection reset by the peer',
    EPIPE: 'connection closed by the peer while writing',
    ETIMEDOUT: 'no answer on the network',
    EHOSTUNREACH: 'no route to the host',
    ENETUNREACH: 'no route to the network',
    ENOTFOUND: 'host name not found',
    EAI_AGAIN: 'name server does not answer',
    CERT_HAS_EXPIRED: 'the peer’s certificate has expired',
    DEPTH_ZERO_SELF_SIGNED_CERT: 'the peer’s certificate is self-signed and not trusted',
    SELF_SIGNED_CERT_IN_CHAIN: 'a self-signed certificate in the peer’s chain is not trusted',
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the peer’s certificate is signed by nobody we trust',
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the peer’s certificate is signed by nobody we trust',
    ERR_TLS_CERT_ALTNAME_INVALID: 'the peer’s certificate is for another host',
  }),
)

/** What an acceptor says of an `actor_init` it will not have, and what to do about it. Source: EMQX's error acks. */
const handshakeWords: ReadonlyMap<string, string> = new Map(
  Object.entries({
    unknown_cluster: 'the peer has no link to our cluster under this name',
    bad_remote_cluster_link_name: 'the peer’s cluster has another name than this link',
    cluster_link_disabled: 'the peer has disabled its link to us',
    native_dialect_required: 'the peer has dialect = native, and we do not greet it in that dialect',
  }),
)

export function describeReasonCode(reasonCode: number): string {
  const hex = `0x${reasonCode.toString(16).padStart(2, '0')}`
  const words = reasonWords[reasonCode]
  return words === undefined ? hex : `${hex} ${words}`
}

/** CONNACK with a reason code of 0x80 or more. */
export function connectRefused(reasonCode: number): LinkFailure {
  const passing = passingCodes.has(reasonCode)
  return {
    cause: 'broker_connect_refused',
    reason: `the peer refused the connection: ${describeReasonCode(reasonCode)}`,
    reasonCode,
    kind: passing ? 'lost' : 'refused',
    logLevel: passing ? 'info' : 'warn',
  }
}

/** What our like says on its way out (`inbound-peers.ts`): somebody's will, unlike a kick. */
const LINK_GONE = /^the link was (?:disabled|deleted)$/

/** DISCONNECT from the peer. */
export function disconnectedByPeer(reasonCode: number, reasonString?: string): LinkFailure {
  const said = reasonString === undefined ? '' : ` (${reasonString})`
  return {
    cause: 'broker_disconnect',
    reason: `the peer closed the connection: ${describeReasonCode(reasonCode)}${said}`,
    reasonCode,
    kind: 'lost',
    logLevel: passingCodes.has(reasonCode) || LINK_GONE.test(reasonString ?? '') ? 'info' : 'warn',
  }
}

/**
 * An acceptor that knows a higher incarnation of ours says so with this code. EMQX says it to other faults as well.
 * @param failure the end of a connection
 */
export function tellsOfNewerLife({ cause, reasonCode }: LinkFailure): boolean {
  return cause === 'broker_disconnect' && reasonCode === 0x83
}

export function connectTimedOut(afterMs: number): LinkFailure {
  return lost('broker_connect_timeout', `no CONNACK within ${afterMs} ms`)
}

export function handshakeTimedOut(afterMs: number): LinkFailure {
  return lost('handshake_timeout', `no answer to our actor_init within ${afterMs} ms`)
}

export function peerSilent(afterMs: number): LinkFailure {
  return lost('peer_silent', `no acknowledgement within ${afterMs} ms`)
}

export function malformedPacket(detail: string): LinkFailure {
  return lost('malformed_packet', `the peer sent what is no MQTT: ${detail}`)
}

export function closedByPeer(): LinkFailure {
  return lost('socket_error', 'the peer closed the connection without a word')
}

/** An error of a socket, a resolver or TLS; or anything else that was thrown where a connection was wanted. */
export function socketFailure(error: unknown): LinkFailure {
  if (!(error instanceof Error)) return lost('socket_error', String(error))
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const words = code === undefined ? undefined : socketWords.get(code)
  if (words !== undefined) return lost('socket_error', `${words} (${code})`)
  return lost('socket_error', error.message === '' ? (code ?? error.name) : error.message)
}

export function subscribeRefused(reasonCode: number): LinkFailure {
  const reason = `the peer refused our subscription to its answers: ${describeReasonCode(reasonCode)}`
  return { cause: 'subscribe_refused', reason, reasonCode, kind: 'refused', logLevel: 'warn' }
}

/** @param word of an error ack: `unknown_cluster`, `bad_remote_cluster_link_name`, `cluster_link_disabled` or a newer one */
export function handshakeRejected(word: string): LinkFailure {
  const words = handshakeWords.get(word)
  const reason = words === undefined ? `the peer rejected us: ${word}` : `${words} (${word})`
  return { cause: 'handshake_rejected', reason, rejection: word, kind: 'refused', logLevel: 'warn' }
}

/** PUBACK with a reason code of 0x80 or more to one of our route operations. */
export function routesRefused(reasonCode: number): LinkFailure {
  const reason = `the peer refused our routes: ${describeReasonCode(reasonCode)}`
  return { cause: 'routes_refused', reason, reasonCode, kind: 'refused', logLevel: 'warn' }
}

/** PUBACK with a reason code of 0x80 or more to a batch of messages, which is kept and sent again on another connection. */
export function messagesRefused(reasonCode: number): LinkFailure {
  const reason = `the peer takes no messages just now: ${describeReasonCode(reasonCode)}`
  return { cause: 'messages_refused', reason, reasonCode, kind: 'refused', logLevel: 'warn' }
}

/** The link is to speak the native dialect and nothing else. */
export function notNative(): LinkFailure {
  const reason =
    'the peer does not speak the native dialect (is it an EMQX, or an Isthmus whose link has dialect = emqx?)'
  return { cause: 'not_native', reason, kind: 'refused', logLevel: 'warn' }
}

/** A native peer goes on hearing us, and does not say that it has all that we told it. */
export function confirmOverdue(afterMs: number): LinkFailure {
  return lost('routes_unconfirmed', `the peer has not confirmed our routes for ${afterMs} ms`)
}

/** Connected, and yet nothing crosses: the connections are opened anew. @param reason since when, and what does not come */
export function muteLink(reason: string): LinkFailure {
  return lost('mute', reason)
}

/** The peer is another program than it was; it is told everything anew. */
export function dialectChanged(): LinkFailure {
  return { ...lost('dialect_changed', 'the peer speaks another dialect than before'), logLevel: 'info' }
}

/** We speak EMQX's dialect to a peer that knows ours by now: its link to us may be younger than ours. */
export function turnedNative(): LinkFailure {
  const reason = 'the peer speaks the native dialect now: the connections for messages are opened anew in it'
  return { ...lost('dialect_changed', reason), logLevel: 'info' }
}

export function crashed(error: unknown): LinkFailure {
  return lost('crashed', `crashed: ${error instanceof Error ? error.message : String(error)}`)
}

/** Several addresses were tried in turn: each with what was wrong with it. One refusal among them is what a human can act on. */
export function allAddressesFailed(
  failures: readonly (readonly [address: string, failure: LinkFailure])[],
): LinkFailure {
  const worst = failures.find(([, failure]) => failure.kind === 'refused') ?? failures.at(-1)
  if (worst === undefined) return lost('socket_error', 'no address to connect to')
  return { ...worst[1], reason: failures.map(([address, { reason }]) => `${address}: ${reason}`).join('; ') }
}

function lost(cause: FailureCause, reason: string): LinkFailure {
  return { cause, reason, kind: 'lost', logLevel: 'warn' }
}
