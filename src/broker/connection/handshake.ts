/** From a CONNECT to a client that is known, or to the reason why it is not let in. */
import { reasonCode } from '../../packets/reason-code.ts'
import type { ClientAccess } from '../access/authorizer.ts'
import { type ClientInfo, type Identity, identityOf, noAttributes } from '../access/client-info.ts'
import type { AuthenticationResult } from '../access/authenticator.ts'
import type { Broker } from '../broker.ts'
import { type ConnectRefusal, type ConnectTerms, judgeConnect } from './connect.ts'
import type { ConnectPacket } from './control-packets.ts'
import { memoryLevel } from '../limits/memory-guard.ts'
import type { Transport } from './transport.ts'

export type Admission = {
  readonly type: 'admitted'
  readonly terms: ConnectTerms
  readonly identity: Identity
  readonly access: ClientAccess
  /** When what the client proved itself with runs out, milliseconds since 1970; `Infinity` for never. */
  readonly validUntilMs: number
}

/** `byAuthenticator`: it was asked, and has told of the refusal itself. */
export type Rejection = ConnectRefusal & { readonly clientId?: string; readonly byAuthenticator?: boolean }

/** A promise only where somebody has to be asked. It rejects if the authenticator does, which it should not. */
export function judgeClient(
  broker: Broker,
  transport: Transport,
  packet: ConnectPacket,
): Admission | Rejection | Promise<Admission | Rejection> {
  const { authenticator, clock, counters, limits, mqtt, random } = broker
  const { peerHost, peerPort, listener, certificate } = transport
  const terms = judgeConnect(packet, mqtt, peerHost, clock.nowMs(), () => `auto-${randomId(random)}`)
  if (terms.type === 'refused') return terms
  if (limits.memory !== memoryLevel.ok) {
    counters.refusedBusy++
    return { type: 'refused', reason: reasonCode.serverBusy, words: 'the node is short of memory; try again later' }
  }
  const { clientId, username, version } = terms
  const client = { clientId, username, peerHost, peerPort, protocolVersion: version, listener, certificate }
  if (authenticator.isOpen) return admit(broker, terms, client, anybody)
  const password = packet.password === undefined ? undefined : Buffer.from(packet.password)
  return authenticator.authenticate({ ...client, password }).then((result) => admit(broker, terms, client, result))
}

const anybody = { type: 'accepted', isSuperuser: false, attributes: noAttributes, expiresAtMs: undefined } as const

function admit(
  broker: Broker,
  terms: ConnectTerms,
  client: ClientInfo,
  result: AuthenticationResult,
): Admission | Rejection {
  const { clientId } = terms
  if (result.type === 'refused') return { ...result, clientId, byAuthenticator: true }
  const { isSuperuser, attributes, expiresAtMs = Number.POSITIVE_INFINITY } = result
  const identity = identityOf(client, isSuperuser, attributes)
  const access = broker.authorizer.accessOf(identity)
  const will = terms.will?.publication
  if (will !== undefined && !access.publishesFreely && !access.mayPublish(will.topic, will.qos, will.retain)) {
    const words = `no right to publish a will on ${will.topic}`
    return { type: 'refused', reason: reasonCode.notAuthorized, words, clientId }
  }
  return { type: 'admitted', terms, identity, access, validUntilMs: expiresAtMs }
}

function randomId(random: () => number): string {
  return Array.from({ length: 4 }, () =>
    Math.floor(random() * 0x10000)
      .toString(16)
      .padStart(4, '0'),
  ).join('')
}
