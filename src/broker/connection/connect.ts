/** What a CONNECT comes to: the terms of the connection, or why it is refused. Pure. */
import { isUtf8 } from 'node:buffer'
import type { IConnackPacket } from 'mqtt-packet'
import type { MqttConfig } from '../../config/config.ts'
import { Publication, type Publisher, encodeMessage } from '../../packets/publication.ts'
import { reasonCode } from '../../packets/reason-code.ts'
import { topicNameProblem } from '../../topics/topic-filter.ts'
import { type ConnectPacket, encodeControlPacket } from './control-packets.ts'
import type { ProtocolVersion } from './packet-rules.ts'
import type { Will } from '../sessions/session.ts'
import { reservedNamespace } from '../sessions/subscription.ts'

/** Session Expiry Interval that means never (MQTT 5, 3.1.2.11.2). */
const SESSION_NEVER_EXPIRES = 0xffffffff

export type ConnectTerms = {
  readonly type: 'accepted'
  readonly version: ProtocolVersion
  /** A bridge by its own account: see `ConnectFacts`. */
  readonly isBridge: boolean
  readonly clientId: string
  /** Whether the server chose the ClientID. */
  readonly assigned: boolean
  readonly username: string | undefined
  readonly cleanStart: boolean
  /** Milliseconds; `Infinity` for a session that never expires. */
  readonly sessionExpiryMs: number
  /** Seconds; 0: no keep alive. */
  readonly keepAlive: number
  readonly receiveMaximum: number
  /** Largest packet the client takes, bytes. */
  readonly packetBytesMax: number
  /** How many aliases we may use towards the client. */
  readonly topicAliasMaximum: number
  readonly will: Will | undefined
  /** What the CONNACK tells an MQTT 5 client. */
  readonly connack: NonNullable<IConnackPacket['properties']>
}

export type ConnectRefusal = { readonly type: 'refused'; readonly reason: number; readonly words: string }

/**
 * @param assignClientId makes a ClientID for a client that has none
 * @param peerHost address of the client, for what its will is published under
 */
export function judgeConnect(
  packet: ConnectPacket,
  config: MqttConfig,
  peerHost: string,
  nowMs: number,
  assignClientId: () => string,
): ConnectTerms | ConnectRefusal {
  const { version, isBridge } = packet.facts
  const properties = packet.properties ?? {}
  const cleanStart = packet.clean ?? true
  const assigned = packet.clientId === ''
  if (properties.authenticationMethod !== undefined)
    return refused(reasonCode.badAuthenticationMethod, `no authentication method ${properties.authenticationMethod}`)
  if (properties.authenticationData !== undefined)
    return refused(reasonCode.protocolError, 'Authentication Data without an Authentication Method') // MQTT 5, 3.1.2.11.10
  if (assigned && version < 5 && (!cleanStart || version === 3))
    return refused(reasonCode.clientIdentifierNotValid, 'an empty ClientID needs a clean session') // [MQTT-3.1.3-8] of 3.1.1
  if (packet.clientId.length > config.max_clientid_len)
    return refused(reasonCode.clientIdentifierNotValid, `a ClientID has 1 to ${config.max_clientid_len} characters`)
  if (properties.receiveMaximum === 0) return refused(reasonCode.protocolError, 'Receive Maximum 0')
  if (properties.maximumPacketSize === 0) return refused(reasonCode.protocolError, 'Maximum Packet Size 0')
  const clientId = assigned ? assignClientId() : packet.clientId
  const publisher = { clientId, username: packet.username, peerHost }
  const will = judgeWill(packet, config, publisher, nowMs)
  if (will !== undefined && 'type' in will) return will

  const asked =
    version === 5 ? expiryMs(properties.sessionExpiryInterval ?? 0) : cleanStart ? 0 : Number.POSITIVE_INFINITY
  const sessionExpiryMs = Math.min(asked, config.session_expiry_interval)
  const imposed = version === 5 && config.server_keepalive !== 'disabled' ? config.server_keepalive : undefined
  const packetBytesMax = properties.maximumPacketSize ?? Number.POSITIVE_INFINITY
  const connack: NonNullable<IConnackPacket['properties']> = {
    receiveMaximum: config.max_awaiting_rel,
    maximumPacketSize: config.max_packet_size,
    topicAliasMaximum: config.max_topic_alias,
    retainAvailable: config.retain_available,
    wildcardSubscriptionAvailable: config.wildcard_subscription,
    subscriptionIdentifiersAvailable: true,
    sharedSubscriptionAvailable: config.shared_subscription,
  }
  // No spread: the terms live as long as the connection, and are to share a shape with others.
  if (assigned) connack.assignedClientIdentifier = clientId
  if (sessionExpiryMs !== asked) connack.sessionExpiryInterval = Math.floor(sessionExpiryMs / 1000)
  if (imposed !== undefined) connack.serverKeepAlive = imposed
  if (config.max_qos_allowed < 2) connack.maximumQoS = config.max_qos_allowed
  if (properties.requestResponseInformation === true && config.response_information !== '')
    connack.responseInformation = config.response_information
  // Nothing that it says may be left out, so that a client that can't take it can't be served [MQTT-3.1.2-24].
  const connackBytes = encodeControlPacket(
    { cmd: 'connack', sessionPresent: false, reasonCode: reasonCode.success, properties: connack },
    5,
  ).length
  if (connackBytes > packetBytesMax)
    return refused(
      reasonCode.packetTooLarge,
      `Maximum Packet Size ${packetBytesMax}, CONNACK has ${connackBytes} bytes`,
    )
  return {
    type: 'accepted',
    version,
    isBridge,
    clientId,
    assigned,
    username: packet.username,
    cleanStart,
    sessionExpiryMs,
    keepAlive: imposed ?? packet.keepalive ?? 0,
    receiveMaximum: properties.receiveMaximum ?? 65_535,
    packetBytesMax,
    topicAliasMaximum: properties.topicAliasMaximum ?? 0,
    will,
    connack,
  }
}

/** Milliseconds of a Session Expiry Interval in seconds. */
export function expiryMs(seconds: number): number {
  return seconds === SESSION_NEVER_EXPIRES ? Number.POSITIVE_INFINITY : seconds * 1000
}

function judgeWill(
  packet: ConnectPacket,
  config: MqttConfig,
  publisher: Publisher,
  nowMs: number,
): Will | ConnectRefusal | undefined {
  const { will } = packet
  if (will === undefined) return undefined
  const qos = will.qos ?? 0
  const problem = topicNameProblem(will.topic)
  if (problem !== undefined) return refused(reasonCode.topicNameInvalid, `will topic: ${problem}`)
  if (reservedNamespace(will.topic) !== undefined)
    return refused(reasonCode.notAuthorized, `no will may be published on ${will.topic}`)
  if (qos > config.max_qos_allowed) return refused(reasonCode.qosNotSupported, `will of QoS ${qos}`)
  if (will.retain && !config.retain_available) return refused(reasonCode.retainNotSupported, 'retained will')
  const { willUserProperties } = packet.facts
  if (config.payload_format_validation && will.properties?.payloadFormatIndicator && !isUtf8(Buffer.from(will.payload)))
    return refused(reasonCode.payloadFormatInvalid, 'the payload of the will is not the UTF-8 that it is said to be')
  const { willDelayInterval, payloadFormatIndicator, userProperties: _, ...others } = will.properties ?? {}
  const bytes = encodeMessage({
    topic: will.topic,
    payload: Buffer.from(will.payload),
    qos,
    retain: will.retain ?? false,
    properties: {
      ...others,
      ...(payloadFormatIndicator === undefined ? {} : { payloadFormatIndicator: payloadFormatIndicator ? 1 : 0 }),
      ...(willUserProperties.length === 0 ? {} : { userProperties: willUserProperties }),
    },
    from: publisher.clientId,
    username: publisher.username,
    peerHost: publisher.peerHost,
    timestampMs: nowMs,
    origin: undefined,
  })
  return {
    publication: Publication.read(will.topic, bytes, publisher, nowMs, undefined),
    delayMs: (willDelayInterval ?? 0) * 1000,
  }
}

function refused(reason: number, words: string): ConnectRefusal {
  return { type: 'refused', reason, words }
}
