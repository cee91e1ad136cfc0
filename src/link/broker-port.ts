/** What links need of a broker. `broker/` implements it; a sidecar beside another broker is to be a second implementation. */
import type { LaneMessage } from '../lanes/batches/batch-writer.ts'
import type { Message, QoS } from '../packets/message.ts'
import type { Publication, Publisher } from '../packets/publication.ts'
import type { PublishView } from '../packets/publish-view.ts'

export type InterestChange = { readonly type: 'added' | 'removed'; readonly topicFilter: string }

/** A publish as the broker sees it while it passes: valid only during the call it is handed to. */
export interface PassingPublish extends LaneMessage {
  readonly qos: QoS
  readonly retain: boolean
  /** ClientID of the publisher. */
  readonly from: string
  /** Bytes of topic and payload together, for limits that are cheaper to check before copying. */
  readonly byteLength: number
  /** Whether nobody changes any more what the view shows, so that it need not be copied during the call. Left out: no. */
  readonly isLasting?: boolean
  /** A copy that may be kept. The same object for every caller during one publish. */
  toMessage(): Message
}

/**
 * What a publisher waits for before it is answered: that an outbox has its message on the disk, or has room again. One object serves
 * all messages that wait for the same.
 */
export interface Debt {
  readonly isPaid: boolean
  /** Whether those who wait for it are to be read more slowly as well: what they send before they are answered would be too much. */
  readonly isPressing?: boolean
  /**
   * Calls once when it is paid; at once if it is. With an error if the next attempt to pay it fails, because the disk takes nothing:
   * then it is owed still, and may be paid later. What is owed by a link that is gone counts as paid.
   */
  whenPaid(call: (error?: unknown) => void): void
}

/** Where matching messages go: an outbox. The broker calls it once per message, however many of its routes match. */
export interface RouteSink {
  /** For the eyes of operators: which link this is. */
  readonly id: string
  /** Whether what it takes could not be kept now as it has to be: publishers of QoS 1 and 2 are refused. */
  readonly isFailing?: boolean
  /** Returns what the publisher is to wait for, if anything. */
  accept(publish: PassingPublish): Debt | undefined
}

export interface BrokerPort {
  /** Each filter that has a local subscriber now, once. `$share/g/f` is interest in `f`; `$SYS/#` and `$LINK/#` are none. */
  interest(): Iterable<string>
  /** Called after a filter got its first or lost its last local subscriber. Returns how to stop it. */
  onInterest(listener: (change: InterestChange) => void): () => void
  /** From now on messages published here (never those that came over a link) under this filter go to the sink. */
  addRoute(topicFilter: string, sink: RouteSink): void
  removeRoute(topicFilter: string, sink: RouteSink): void
  /** Delivers a message that came over a link: to local subscribers and the retained store, never to a sink. Returns how many subscribers it matched. */
  deliver(message: Message): number
  retained(topicFilter: string): Iterable<Message>
}

/** What was retained in this cluster, or cleared: what came over a link is left out. For links that tell their peers of it. */
export interface OwnRetained {
  /**
   * Each topic, and when it got what it has, or was cleared, milliseconds since 1970: later for each change of a topic. May be gone
   * through bit by bit: what is there all the while is among them.
   */
  ownRetained(): Iterable<{ readonly topic: string; readonly atMs: number; readonly isDeleted: boolean }>
  /** What there is to tell of a topic: its message, or one without payload if it was cleared. */
  ownRetainedOf(topic: string): Publication | undefined
}

/** A connection on which a peer speaks `$LINK/#` to us, as the broker hands it to the inbound side. One object per connection. */
export interface LinkClient {
  readonly clientId: string
  readonly username: string | undefined
  readonly protocolVersion: 3 | 4 | 5
  /** Address and port of the peer. */
  readonly remoteAddress: string
  /** Of its verified certificate. */
  readonly certificateCommonName: string | undefined
  /** Nobody is asked who they are, and there are no rules: whoever connects may do everything. */
  readonly brokerIsOpen: boolean
  /** What the rules say of this client and this topic or filter under `$LINK/`; `unsaid` if none names the namespace. */
  verdict(action: 'publish' | 'subscribe', topic: string, qos: QoS): 'allowed' | 'denied' | 'unsaid'
  /** Publishes on this connection alone; kept in order with everything else that it is sent. */
  send(packet: { topic: string; payload: Buffer; qos: 0 | 1; correlationData?: Buffer; responseTopic?: string }): void
  /** DISCONNECT with this reason (MQTT 5), then close. */
  disconnect(reasonCode: number, reasonString?: string): void
}

/**
 * A batch of a peer that is to be taken: its messages where they lie, one after the other. The broker either leaves it alone, and then
 * it has never come, or says `begin` and shows itself each message up to the end, whatever becomes of the connection meanwhile.
 */
export interface LinkBatch {
  /** The node that sent it; its batches are taken one after the other. */
  readonly sender: string
  /** Name of the cluster that it came from. */
  readonly origin: string
  /** What gathered during an outage: it comes faster than it was published. */
  readonly isBacklog: boolean
  /** Kept sessions are sent nothing of it that is not on the disk: what was not there before a crash comes again. */
  readonly isKept?: boolean
  /** Before the first message. From now on the batch counts as taken: if it comes again, it is a duplicate. */
  begin(): void
  /** The message that was shown last went to somebody for whom nothing was kept. */
  untraced?(): void
  /** Makes the view show the next message. False after the last one, and then it is done with. */
  next(view: PublishView): boolean
  /** Shows the first message again; only before `begin`. */
  rewind(): void
  // ---- of the message that is shown
  readonly publisher: Publisher
  /** When it was published, by the clock of its cluster, milliseconds since 1970. */
  readonly publishedAtMs: number
  /** How long ago that was when it was sent, milliseconds. */
  readonly ageMs: number
  /** Whether it is a retained message of old, told because a route appeared, and not one that was just published. */
  readonly isTold: boolean
  /** Whether it may come in at all; it is counted either way. To be asked once for each message. */
  admits(topic: string): boolean
  /** The message is none: it is counted as such. Instead of `admits`. */
  refuse(): void
}

/** `again`: it was taken before, and may be acknowledged when all that came before it is safe. A number: reason code of its PUBACK. */
export type BatchVerdict = LinkBatch | { readonly type: 'again'; readonly sender: string } | number

/**
 * The far side of the broker's reserved namespace: everything a client does under `$LINK/#` goes here and nowhere else.
 * The namespace is terminal: what throws here is the broker's to log and never falls through to ordinary publishing.
 */
export interface LinkInlet {
  /**
   * A client greets us as a peer, in the User Property `isthmus-link` of its CONNECT. Returns the answer for that of the CONNACK;
   * `undefined` for one that is not to be known as a peer, and is a client like any other.
   */
  greet(client: LinkClient, greeting: string): string | undefined | Promise<string | undefined>
  /** SUBSCRIBE under `$LINK/`; returns the SUBACK reason code (granted QoS, or 0x87 and the like). */
  subscribe(client: LinkClient, topicFilter: string, qos: QoS): number
  /**
   * PUBLISH under `$LINK/` by a client that was greeted, with a payload that begins with 0xC1 and may be kept and changed; `undefined`
   * for what is no batch of messages, and is to be published as below.
   */
  batch(client: LinkClient, topic: string, payload: Buffer, qos: QoS): BatchVerdict | undefined
  /** PUBLISH under `$LINK/`; returns the reason code of the PUBACK or PUBREC. Not called again for a QoS 2 packet that was seen already. */
  publish(client: LinkClient, message: Message): number
  /** The connection is gone, for whatever reason. Called once for each client that ever greeted, subscribed or published here. */
  closed(client: LinkClient): void
}
