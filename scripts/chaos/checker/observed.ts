/**
 * What a checker saw: each message that a publisher sent and what it was told of it, each that a subscriber got. All times are
 * `performance.now()` of the checker's process, in milliseconds; the nodes' clocks may say what they like.
 */

export type QoS = 0 | 1 | 2

export type Published = {
  /** Grows by one with each message of its publisher, from 1. */
  readonly sequence: number
  /** When it was first written to a socket. */
  readonly atMs: number
  /** How often: more than once after a connection was lost before the answer came. */
  readonly sendings: number
  /** When PUBACK or PUBCOMP came (or a PUBREC that refuses); left out while nobody answered, and for QoS 0. */
  readonly answeredMs?: number
  /** What it said (MQTT 5, 2.4): 0x80 and above refuse the message. */
  readonly reasonCode?: number
}

export type PublisherRecord = {
  readonly name: string
  readonly cluster: string
  /** Where it connected at first; who connected to the same address is at the same node. */
  readonly server: string
  readonly topic: string
  readonly qos: QoS
  readonly messages: readonly Published[]
  readonly connections: readonly Connection[]
}

export type Connection = {
  readonly fromMs: number
  /** Left out if it stood to the end. */
  readonly toMs?: number
  /** What CONNACK said: the broker knew this client's session. */
  readonly isSessionPresent: boolean
}

export type Received = {
  readonly atMs: number
  readonly publisher: string
  readonly sequence: number
  readonly topic: string
  readonly qos: QoS
  /** Sent because of the subscription, out of the store of retained messages, rather than because it was published just now. */
  readonly isRetained: boolean
  /** The broker says that it may have sent it before (DUP). */
  readonly isResent: boolean
  /** Counts the connections of this subscriber, from 0. */
  readonly connection: number
  /** The payload is not what its publisher had sent. */
  readonly isChanged: boolean
}

/** From SUBACK until the subscription was given up, or the broker had forgotten it. */
export type Span = {
  readonly fromMs: number
  /** Left out if it stood to the end. A clean session's subscription ends with its connection. */
  readonly toMs?: number
  /** What ended it: the client; its connection, whose session was clean; or a broker that had forgotten a session it was to keep. */
  readonly endedBy?: 'unsubscribe' | 'disconnect' | 'forgotten'
}

export type SubscriberRecord = {
  readonly name: string
  readonly cluster: string
  readonly server: string
  readonly filter: string
  readonly qos: QoS
  readonly isDurable: boolean
  readonly spans: readonly Span[]
  readonly received: readonly Received[]
  readonly connections: readonly Connection[]
  /** Messages that are none of ours: their payload can't be read. */
  readonly strange: number
}

export type Observed = {
  readonly fromMs: number
  readonly toMs: number
  /** It ended because nothing new came, rather than because the bound had run out. */
  readonly isQuiet: boolean
  readonly publishers: readonly PublisherRecord[]
  readonly subscribers: readonly SubscriberRecord[]
}
