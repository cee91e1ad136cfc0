/** The one publish that is passing through the broker: a view of its bytes, and copies only where somebody keeps it. */
import type { Debt, LinkBatch, PassingPublish } from '../../link/broker-port.ts'
import type { Message, QoS } from '../../packets/message.ts'
import { Publication, type Publisher } from '../../packets/publication.ts'
import { PublishView } from '../../packets/publish-view.ts'
import type { Session } from './session.ts'

const EXPIRY_SECONDS_MAX = 0xffff_ffff
const nobody: Publisher = { clientId: '', username: undefined, peerHost: undefined }

export class Passing implements PassingPublish {
  readonly view = new PublishView()
  topic = ''
  publisher = nobody
  /** The publishing session, for No Local; `undefined` for wills and messages from links. */
  session: Session | undefined
  nowMs = 0
  /** What is left of the message's life, seconds; meaningless without an expiry. */
  expirySeconds = 0
  origin: string | undefined
  /** Whether the bytes of the view are nobody else's, so that a single receiver may have them patched in place. */
  ownsBytes = false
  /** Whether they stay as they are: those of a client's packet are changed by nobody but a single receiver. */
  isLasting = false
  /** Whether it asked to be retained and there was no room for it. */
  isRetainRefused = false
  /** Whether a peer tells it because we want its topic now: it was published before, and is for nobody who has it already. */
  isTold = false
  /** What links that took it want its publisher to wait for. */
  debt: Debt | undefined
  /** Kept sessions are sent it only once it is on disk. */
  isHeld = false
  /** For a copy: when it was published, which for a message from a link is told by a clock of the other cluster. */
  #publishedAtMs = 0
  #publication: Publication | undefined

  /** A publish that a client just sent and that the view shows. */
  fromClient(topic: string, session: Session, nowMs: number): void {
    this.topic = topic
    this.session = session
    this.publisher = session.publisher
    this.nowMs = nowMs
    this.#publishedAtMs = nowMs
    this.expirySeconds = this.view.messageExpiryInterval
    this.origin = undefined
    this.isHeld = false
    this.ownsBytes = true
    this.isLasting = true
    this.isRetainRefused = false
    this.isTold = false
    this.debt = undefined
    this.#publication = undefined
  }

  /**
   * One of a batch of a peer, which the view shows; its bytes may be changed. Returns whether it is still alive: that is judged by how
   * old it was when it was sent, and by our own clock, for the two clusters' clocks may differ.
   */
  fromLink(
    topic: string,
    { publisher, publishedAtMs, ageMs, origin, isTold, isKept }: LinkBatch,
    nowMs: number,
  ): boolean {
    const { view } = this
    this.topic = topic
    this.session = undefined
    this.publisher = publisher
    this.nowMs = nowMs
    this.#publishedAtMs = publishedAtMs
    this.expirySeconds = view.messageExpiryInterval
    this.origin = origin
    this.isHeld = isKept === true
    this.ownsBytes = true
    this.isLasting = false
    this.isRetainRefused = false
    this.isTold = isTold
    this.debt = undefined
    this.#publication = undefined
    return view.messageExpiryInterval < 0 || this.#age(ageMs)
  }

  /** What is left of its life is left from now on, and copies tell the same by the time at which it was published. */
  #age(ageMs: number): boolean {
    const { view, nowMs } = this
    const leftMs = view.messageExpiryInterval * 1000 - Math.max(0, ageMs)
    if (leftMs <= 0) return false
    this.expirySeconds = Math.ceil(leftMs / 1000)
    const seconds = Math.ceil((nowMs + leftMs - this.#publishedAtMs) / 1000)
    // Published at a time at which our clock says that it is over, or so long ago that it can't be written.
    if (seconds <= 0 || seconds > EXPIRY_SECONDS_MAX) this.#publishedAtMs = nowMs
    view.messageExpiryInterval = this.#publishedAtMs === nowMs ? this.expirySeconds : seconds
    view.buffer.writeUInt32BE(view.messageExpiryInterval, view.messageExpiryAt)
    return true
  }

  /** One that was kept: a will, or a message that came over a link. */
  fromPublication(publication: Publication, nowMs: number): void {
    publication.show(this.view)
    this.topic = publication.topic
    this.session = undefined
    this.publisher = publication.publisher
    this.nowMs = nowMs
    this.#publishedAtMs = publication.receivedAtMs
    this.expirySeconds = publication.expirySecondsLeft(nowMs)
    this.origin = publication.origin
    this.isHeld = false
    this.ownsBytes = false
    this.isLasting = false
    this.isRetainRefused = false
    this.isTold = false
    this.debt = undefined
    this.#publication = publication
  }

  /** From now on it is this one, which hooks made of it: of the same publisher, session, origin and age. */
  become(publication: Publication): void {
    publication.show(this.view)
    this.topic = publication.topic
    this.expirySeconds = publication.expirySecondsLeft(this.nowMs)
    this.ownsBytes = false
    this.isLasting = false
    this.#publication = publication
  }

  /** From now on it has these bytes, of a whole PUBLISH of MQTT 5 that says the same but for its properties. */
  rewrite(packet: Buffer): void {
    this.become(Publication.read(this.topic, packet, this.publisher, this.#publishedAtMs, this.origin))
  }

  /** From now on it was published at this time, and what is left of its life counts from there. Not once somebody keeps it. */
  restamp(nowMs: number): void {
    this.nowMs = nowMs
    this.#publishedAtMs = nowMs
    if (this.#publication === undefined || this.#publication.receivedAtMs === nowMs) return
    this.#publication = this.#publication.restamped(nowMs, this.expirySeconds)
    this.#publication.show(this.view)
  }

  /** One that was kept, as of the time at which it was published: for whoever is to keep it as what it was then. */
  backdate(): void {
    this.nowMs = this.#publishedAtMs
    this.expirySeconds = this.view.messageExpiryInterval
  }

  /** A copy to keep, the same for all who keep it. */
  get publication(): Publication {
    this.#publication ??= new Publication(this.topic, this.view, this.publisher, this.#publishedAtMs, this.origin)
    return this.#publication.own()
  }

  /** The same for whoever is likely to be done with it soon: without a copy, as long as nobody has asked for one. */
  get borrowed(): Publication {
    this.#publication ??= Publication.borrow(this.topic, this.view, this.publisher, this.#publishedAtMs, this.origin)
    return this.#publication
  }

  get qos(): QoS {
    return this.view.qos
  }

  get retain(): boolean {
    return this.view.retain
  }

  get from(): string {
    return this.publisher.clientId
  }

  get byteLength(): number {
    return this.view.topicLength + this.view.end - this.view.payloadStart
  }

  toMessage(): Message {
    return this.publication.toMessage()
  }
}
