/** The reason codes of MQTT 5 (section 2.4) that a server sends or acts on, by the names of the specification. */
export const reasonCode = {
  success: 0x00,
  disconnectWithWill: 0x04,
  noMatchingSubscribers: 0x10,
  noSubscriptionExisted: 0x11,
  unspecifiedError: 0x80,
  malformedPacket: 0x81,
  protocolError: 0x82,
  implementationSpecificError: 0x83,
  unsupportedProtocolVersion: 0x84,
  clientIdentifierNotValid: 0x85,
  badUserNameOrPassword: 0x86,
  notAuthorized: 0x87,
  serverUnavailable: 0x88,
  serverBusy: 0x89,
  serverShuttingDown: 0x8b,
  badAuthenticationMethod: 0x8c,
  keepAliveTimeout: 0x8d,
  sessionTakenOver: 0x8e,
  topicFilterInvalid: 0x8f,
  topicNameInvalid: 0x90,
  packetIdentifierInUse: 0x91,
  packetIdentifierNotFound: 0x92,
  receiveMaximumExceeded: 0x93,
  topicAliasInvalid: 0x94,
  packetTooLarge: 0x95,
  quotaExceeded: 0x97,
  administrativeAction: 0x98,
  payloadFormatInvalid: 0x99,
  retainNotSupported: 0x9a,
  qosNotSupported: 0x9b,
  sharedSubscriptionsNotSupported: 0x9e,
  connectionRateExceeded: 0x9f,
  wildcardSubscriptionsNotSupported: 0xa2,
} as const

/** In words for the user of a client, of the reasons for which a server refuses a PUBLISH or a subscription. */
const refusals: ReadonlyMap<number, string> = new Map([
  [reasonCode.unspecifiedError, 'unspecified error'],
  [reasonCode.implementationSpecificError, 'this server can not do it'],
  [reasonCode.notAuthorized, 'not authorized'],
  [reasonCode.topicFilterInvalid, 'not a valid topic filter, or too many levels'],
  [reasonCode.topicNameInvalid, 'topic not accepted'],
  [reasonCode.packetIdentifierInUse, 'a QoS 2 message under this packet identifier awaits its PUBREL'],
  [reasonCode.quotaExceeded, 'quota exceeded'],
  [reasonCode.payloadFormatInvalid, 'the payload is not the UTF-8 that it is said to be'],
  [reasonCode.sharedSubscriptionsNotSupported, 'shared subscriptions are switched off'],
  [reasonCode.wildcardSubscriptionsNotSupported, 'wildcard subscriptions are switched off'],
])

/** What a reason code of 0x80 or above means, in words. */
export function refusalWords(reason: number): string {
  return refusals.get(reason) ?? `reason code 0x${reason.toString(16)}`
}

/** CONNACK return codes of MQTT 3.1.1 (table 3.1) for the reason codes of MQTT 5 that have one. Others just close. */
const returnCodes: ReadonlyMap<number, number> = new Map([
  [reasonCode.unsupportedProtocolVersion, 1],
  [reasonCode.clientIdentifierNotValid, 2],
  [reasonCode.serverUnavailable, 3],
  [reasonCode.serverBusy, 3],
  [reasonCode.connectionRateExceeded, 3],
  [reasonCode.badUserNameOrPassword, 4],
  [reasonCode.notAuthorized, 5],
])

/** What a CONNACK of MQTT 3.1.1 says for this reason; `undefined` where it has no word for it. */
export function connackReturnCode(reason: number): number | undefined {
  return returnCodes.get(reason)
}

/** A packet that breaks MQTT: what to tell its sender before closing the connection. */
export class PacketFault extends Error {
  override readonly name = 'PacketFault'
  readonly reason: number
  constructor(reason: number, message: string) {
    super(message)
    this.reason = reason
  }
}
