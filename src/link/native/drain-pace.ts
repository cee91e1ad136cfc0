/**
 * How fast what gathered during an outage is sent while live messages pass by: as a guest who steps aside. The idea is LEDBAT's
 * (RFC 6817): a peer that takes longer to answer than it takes at its quickest is busy, perhaps with us. So the portion that may be
 * unacknowledged at once grows while answers come quickly and is halved when they don't; and with live messages about, each portion
 * is followed by a pause as long as the peer was busy. With none about, nobody is kept waiting and it goes as fast as it can.
 *
 * One for each connection: what was known of the peer goes with it.
 */

/** What a batch costs: copying its bytes, and the work that each message is besides. */
export function drainWeight(bytes: number, messages: number): number {
  return bytes + messages * 64
}

const portionMin = 16_384
const portionMax = 1_048_576
/** Live messages were about so lately that more will come. */
const liveMs = 250
const pauseMsMax = 1_000
/** How late answers may be that backlog delays, milliseconds, however quick the peer is otherwise. */
const lateMsLive = 2
const lateMsQuiet = 20
/** The quickest answer is that of this long at least, and twice as long at most. */
const quickestMs = 30_000

export class DrainPace {
  #portion = portionMin * 2
  #flying = 0
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
    return nowMs >= this.#resumesAtMs && this.#flying < this.#portion
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
  drained(weight: number): void {
    this.#flying += weight
  }

  /** A batch of backlog was acknowledged, so long after it was sent. */
  drainAnswered(weight: number, tookMs: number, nowMs: number): void {
    this.#flying -= weight
    this.#noteQuickest(tookMs, nowMs)
    const quickest = Math.min(this.#quickest, this.#quickestBefore)
    const busyMs = tookMs - quickest
    const isLive = nowMs - this.#liveAtMs < liveMs
    const lateMsMax = isLive ? Math.max(lateMsLive, quickest) : Math.max(lateMsQuiet, 2 * quickest)
    this.#portion =
      busyMs > lateMsMax
        ? Math.max(portionMin, this.#portion / 2)
        : Math.min(portionMax, this.#portion + Math.min(weight, portionMin * 2))
    if (isLive) this.#resumesAtMs = nowMs + Math.min(pauseMsMax, busyMs)
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
