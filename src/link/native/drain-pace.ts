/**
 * How fast what gathered during an outage is sent while live messages pass by: as a guest who steps aside. The idea is LEDBAT's
 * (RFC 6817): a peer that takes longer to answer than it takes at its quickest is busy, perhaps with us. So the portion that may be
 * unacknowledged at once grows while answers come quickly and is halved when they don't; and with live messages about, each portion
 * is followed by a pause twice as long as the peer was busy. With none about, nobody is kept waiting and it goes as fast as it can.
 *
 * The peer answers when those who get the messages have room for more (`Crowd`), and by default they have room for a thousand. So only
 * a few hundred may be there and not answered for, besides those that are on the line, which are reckoned as BBR does: as many as
 * the peer takes by now in the time that an answer takes if nothing else is on its way. Those are not sent in one go, or they would
 * all come there at once.
 *
 * One for each connection: what was known of the peer goes with it.
 */
import { BACKLOG_MESSAGES_MAX } from '../../lanes/outbox/outbox.ts'

/** What a batch costs: copying its bytes, and the work that each message is besides. */
export function drainWeight(bytes: number, messages: number): number {
  return bytes + messages * 64
}

const portionMin = 16_384
const portionMax = 1_048_576
/** Messages that may be at the peer and not acknowledged. */
const queuedMax = 384
/** How much faster than the peer takes them messages are put on the line, so that it shows if it could take more. */
const probing = 1.25
/** Live messages were about so lately that more will come. */
const liveMs = 250
const pauseMsMax = 500
/** How late answers may be that backlog delays, milliseconds, however quick the peer is otherwise. */
const lateMsLive = 2
const lateMsQuiet = 20
/** The quickest answer is that of this long at least, and twice as long at most. */
const quickestMs = 30_000

export class DrainPace {
  #portion = portionMin * 2
  #flying = 0
  #flyingMessages = 0
  #flyingMessagesMax = queuedMax
  #answeredMessages = 0
  /** For each batch that flies, how many messages had been answered when it was sent, and whether it flew alone then. */
  readonly #flights: { readonly answeredBefore: number; readonly isAlone: boolean }[] = []
  /** The quickest answer to a batch that flew alone: others may have waited for those before them. */
  #lineMs = Number.POSITIVE_INFINITY
  /** Messages that the peer took in a millisecond, lately. */
  #perMs = 0
  #resumesAtMs = Number.NEGATIVE_INFINITY
  #liveAtMs = Number.NEGATIVE_INFINITY
  #quickest = Number.POSITIVE_INFINITY
  #quickestBefore = Number.POSITIVE_INFINITY
  #turnsAtMs = Number.NEGATIVE_INFINITY

  /** From when on backlog may be sent again, milliseconds; what is unacknowledged may keep it longer. */
  get resumesAtMs(): number {
    return this.#resumesAtMs
  }

  /** Whether a batch of backlog may be sent now. One may always fly, however large it is. */
  mayDrain(nowMs: number): boolean {
    if (nowMs < this.#resumesAtMs) return false
    if (this.#flying === 0) return true
    return this.#flying < this.#portion && this.#flyingMessages + BACKLOG_MESSAGES_MAX <= this.#flyingMessagesMax
  }

  /** A live batch was sent. */
  livePassed(nowMs: number): void {
    this.#liveAtMs = nowMs
  }

  /** A live batch was acknowledged, so long after it was sent. */
  liveAnswered(tookMs: number, nowMs: number): void {
    this.#noteQuickest(tookMs, nowMs)
  }

  /** A batch of backlog was sent. */
  drained(weight: number, messages: number, nowMs: number): void {
    this.#flights.push({ answeredBefore: this.#answeredMessages, isAlone: this.#flying === 0 })
    this.#flying += weight
    this.#flyingMessages += messages
    if (this.#flyingMessages > queuedMax && this.#perMs > 0)
      this.#resumesAtMs = Math.max(this.#resumesAtMs, nowMs + messages / (this.#perMs * probing))
  }

  /** A batch of backlog was acknowledged, so long after it was sent. */
  drainAnswered(weight: number, messages: number, tookMs: number, nowMs: number): void {
    this.#flying -= weight
    this.#flyingMessages -= messages
    this.#answeredMessages += messages
    this.#noteQuickest(tookMs, nowMs)
    const quickest = Math.min(this.#quickest, this.#quickestBefore)
    this.#reckonLine(tookMs)
    const busyMs = tookMs - quickest
    const isLive = nowMs - this.#liveAtMs < liveMs
    const lateMsMax = isLive ? Math.max(lateMsLive, quickest) : Math.max(lateMsQuiet, 2 * quickest)
    this.#portion =
      busyMs > lateMsMax
        ? Math.max(portionMin, this.#portion / 2)
        : Math.min(portionMax, this.#portion + Math.min(weight, portionMin * 2))
    if (isLive) this.#resumesAtMs = nowMs + Math.min(pauseMsMax, 2 * busyMs)
  }

  /** The peer answers in order. */
  #reckonLine(tookMs: number): void {
    const { answeredBefore, isAlone } = this.#flights.shift() ?? { answeredBefore: 0, isAlone: false }
    if (isAlone && tookMs < this.#lineMs) this.#lineMs = tookMs
    const tookAtLeastMs = Math.max(tookMs, this.#lineMs)
    this.#perMs = tookAtLeastMs > 0 ? (this.#answeredMessages - answeredBefore) / tookAtLeastMs : 0
    this.#flyingMessagesMax = queuedMax + (this.#perMs > 0 ? this.#perMs * this.#lineMs : 0)
  }

  /** Of two stretches of time, so that a way that has become longer is not compared for ever with what it was once. */
  #noteQuickest(tookMs: number, nowMs: number): void {
    if (nowMs >= this.#turnsAtMs) {
      this.#turnsAtMs = nowMs + quickestMs
      this.#quickestBefore = this.#quickest
      this.#quickest = tookMs
    } else if (tookMs < this.#quickest) this.#quickest = tookMs
  }
}
