/**
 * What clients saw and were told, by virtual time: all that the oracle knows of messages. Each message has a number, which is also the
 * beginning of its payload, so that wherever it turns up it is known who published it, where, and how often it was handed over.
 */
import type { QoS } from '../../../src/packets/message.ts'

export type ClientIdentity = { readonly clientId: string; readonly cluster: string }

/** A message, from the moment at which a client was asked to publish it. */
export type PublishedMessage = {
  /** Counts up over all clients. */
  readonly number: number
  readonly publisher: ClientIdentity
  readonly topic: string
  readonly qos: QoS
  readonly retain: boolean
  readonly expirySeconds: number | undefined
  /** Published by its broker, when the connection of its client ended without a goodbye. */
  readonly isWill: boolean
  /** Each time that it was written to a connection; a will: the CONNECT that held it. */
  readonly sends: Send[]
  /** When the publisher was told: PUBACK, or PUBREC for QoS 2, with a reason code below 0x80. */
  acknowledgedMs: number | undefined
  /** Of that acknowledgement, or of one that refused the message. */
  reasonCode: number | undefined
  /** The publisher will not send it again: it was refused, or its client had no room. */
  isGivenUp: boolean
}

export type Send = {
  readonly atMs: number
  /** The node to which the connection went. */
  readonly node: string
  readonly connection: number
  /** With DUP, within a session that the broker still had: a message of QoS 2 must not be taken for another one. */
  readonly isRepeat: boolean
}

/** A message as it came to a client, once for each PUBLISH packet; of QoS 2 not for repeats of a packet that the client still knew. */
export type Arrival = {
  readonly number: number
  readonly session: SessionRecord
  readonly atMs: number
  readonly node: string
  readonly connection: number
  readonly topic: string
  readonly qos: QoS
  /** DUP: the broker says itself that it may have sent it before. */
  readonly isRepeat: boolean
  /** RETAIN: told because of a subscription, not because it was published just now. */
  readonly isRetained: boolean
}

/**
 * A session of a client as far as the client knows: it begins with a CONNACK without Session Present, and ends where the client cannot
 * count on it any more.
 */
export type SessionRecord = {
  /** Counts up over all clients. */
  readonly number: number
  readonly client: ClientIdentity
  readonly startedMs: number
  /** Whether it outlives its connection. */
  readonly isKept: boolean
  readonly expirySeconds: number
  readonly subscriptions: SubscriptionRecord[]
  /** Connections that it had, the last one last. */
  readonly connections: ConnectionRecord[]
  /** `undefined` while the client may count on it. One that the broker lost ended with the last connection on which it was there. */
  endedMs: number | undefined
  /** How it ended, as far as the client knows. */
  end: SessionEnd | undefined
}

export type SessionEnd =
  /** It was not to be kept, and its connection ended. */
  | 'connection_ended'
  /** The client said so: DISCONNECT with an expiry of 0, or Clean Start. */
  | 'client_ended'
  /** The client stayed away for longer than its expiry. */
  | 'expired'
  /** It was to be kept, and the broker had it no more. */
  | 'lost_by_broker'
  /** Another connection with the same ClientID has it now. */
  | 'taken_over'

export type SubscriptionRecord = {
  readonly session: SessionRecord
  /** As the client wrote it. */
  readonly filter: string
  /** Without `$share/group/`. */
  readonly topicFilter: string
  readonly shareName: string | undefined
  readonly qos: QoS
  readonly noLocal: boolean
  readonly sentMs: number
  /** When the SUBACK granted it. */
  grantedMs: number | undefined
  /** Of the SUBACK, if it refused. */
  refusedWith: number | undefined
  /** When the client sent UNSUBSCRIBE, or its session ended, whichever came first. */
  endedMs: number | undefined
}

export type ConnectionRecord = {
  /** Counts up over all clients. */
  readonly number: number
  readonly client: ClientIdentity
  readonly node: string
  readonly openedMs: number
  acceptedMs: number | undefined
  /** Of the CONNACK. */
  reasonCode: number | undefined
  sessionPresent: boolean
  closedMs: number | undefined
  /** Of a DISCONNECT that the broker sent. */
  disconnectedWith: number | undefined
  /** When something last came from the broker. */
  heardMs: number
  /** The most messages of QoS 1 and 2 that were not acknowledged towards the client at once, and how many it allows. */
  inflightMax: number
  readonly receiveMaximum: number
}

/** What a client tried under `$LINK`, and what it was told. */
export type Trespass = {
  readonly client: ClientIdentity
  readonly action: 'publish' | 'subscribe'
  readonly topic: string
  readonly atMs: number
  /** Of a publish: the number in its payload. */
  readonly message: number | undefined
  /** What it was answered; `closed` if its connection ended, `undefined` if nothing has come yet. */
  answer: number | 'closed' | undefined
}

/** A payload that is none of ours: no client published it. */
export type Stranger = {
  readonly client: ClientIdentity
  readonly topic: string
  readonly atMs: number
  readonly bytes: number
}

export class History {
  readonly messages: PublishedMessage[] = []
  readonly arrivals: Arrival[] = []
  readonly sessions: SessionRecord[] = []
  readonly connections: ConnectionRecord[] = []
  readonly trespasses: Trespass[] = []
  readonly strangers: Stranger[] = []

  /** Takes its number from here, which counts from 0. */
  published(
    message: Omit<PublishedMessage, 'number' | 'sends' | 'acknowledgedMs' | 'reasonCode' | 'isGivenUp'>,
  ): PublishedMessage {
    const number = this.messages.length
    const record = { ...message, number, sends: [], acknowledgedMs: undefined, reasonCode: undefined, isGivenUp: false }
    this.messages.push(record)
    return record
  }
}

/** What a message carries: its number, then dots up to the length that is asked for. */
export function payloadOf(number: number, bytes = 0): Buffer {
  return Buffer.from(`#${number};`.padEnd(bytes, '.'), 'latin1')
}

/** `undefined` for a payload that `payloadOf` did not make. */
export function numberIn(payload: Buffer): number | undefined {
  if (payload[0] !== 0x23) return undefined
  let number = 0
  for (let at = 1; at < payload.length && at < 17; at += 1) {
    const byte = payload[at] ?? 0
    if (byte === 0x3b) return at === 1 ? undefined : number
    if (byte < 0x30 || byte > 0x39) return undefined
    number = number * 10 + (byte - 0x30)
  }
  return undefined
}
