/** A PUBLISH that is kept: queued, retained, or on its way to another cluster. The hot path has no object a message. */

export type QoS = 0 | 1 | 2

/** The PUBLISH properties of MQTT 5 (3.3.2.3) that travel with a message. Topic Alias and Subscription Identifier do not. */
export type PublishProperties = {
  readonly payloadFormatIndicator?: 0 | 1
  /** Seconds, as the publisher set it; what is left of it follows from `Message.timestampMs`. */
  readonly messageExpiryInterval?: number
  readonly contentType?: string
  readonly responseTopic?: string
  readonly correlationData?: Buffer
  /** In the publisher's order; a name may repeat. */
  readonly userProperties?: readonly (readonly [name: string, value: string])[]
}

export type Message = {
  readonly topic: string
  /** Owned by the message: never a slice of a buffer that is read into again. */
  readonly payload: Buffer
  readonly qos: QoS
  readonly retain: boolean
  readonly properties: PublishProperties | undefined
  /** ClientID of the publisher. Order is kept per publisher. */
  readonly from: string
  readonly username: string | undefined
  /** Address of the publisher, without port. */
  readonly peerHost: string | undefined
  /** When the message was published at its first broker, milliseconds since 1970. */
  readonly timestampMs: number
  /** Name of the cluster it came from over a link; `undefined` for a message published here. Such a message is never forwarded. */
  readonly origin: string | undefined
}

/** When a message may no longer be delivered, in milliseconds since 1970; `Infinity` for one that never expires. */
export function expiresAtMs(message: Message): number {
  const seconds = message.properties?.messageExpiryInterval
  return seconds === undefined ? Number.POSITIVE_INFINITY : message.timestampMs + seconds * 1000
}
