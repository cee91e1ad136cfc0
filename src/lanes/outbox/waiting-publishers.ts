/**
 * Whose messages wait in a backlog: what else they publish has to go behind them. It knows people by ClientID, since one who comes
 * back is another connection. There is something in it only while there is a backlog.
 *
 * It holds no more than a part of what the outbox may: where so many publish that there is no room to tell them apart, everybody is
 * behind what has gathered by then.
 */
const PRUNED_AT_MIN = 1_024
/** What an entry takes besides the letters of the ClientID, bytes. Roughly. */
const ENTRY_BYTES = 100

export class WaitingPublishers {
  /** By ClientID: the last batch of the backlog that has a message of his. */
  readonly #lastTurns = new Map<string, number>()
  #bytes = 0
  #bytesMax = Number.POSITIVE_INFINITY
  #prunedAt = PRUNED_AT_MIN
  /** The last batch that everybody is behind, whoever he is. */
  #lastTurnOfAll = 0

  get size(): number {
    return this.#lastTurns.size
  }

  /** How much memory it may take, roughly. Holds from the next one on who is added. */
  limit(bytesMax: number): void {
    this.#bytesMax = bytesMax
  }

  /**
   * @param turn which batch of the backlog has it, from its beginning; above 0
   * @param firstTurn the first one that still waits
   */
  add(clientId: string, turn: number, firstTurn: number): void {
    const sizeBefore = this.#lastTurns.size
    this.#lastTurns.set(clientId, turn)
    if (this.#lastTurns.size === sizeBefore) return
    this.#bytes += bytesOf(clientId)
    const isTooMuch = this.#bytes > this.#bytesMax
    if (!isTooMuch && this.#lastTurns.size < this.#prunedAt) return
    for (const [other, last] of this.#lastTurns) if (last < firstTurn) this.#forget(other)
    this.#prunedAt = Math.max(PRUNED_AT_MIN, this.#lastTurns.size * 2)
    // So far below that it takes a while until all are looked at again.
    if (!isTooMuch || this.#bytes < this.#bytesMax / 2) return
    this.clear()
    this.#lastTurnOfAll = turn
  }

  #forget(clientId: string): void {
    this.#lastTurns.delete(clientId)
    this.#bytes -= bytesOf(clientId)
  }

  isBehind(clientId: string, firstTurn: number): boolean {
    if (this.#lastTurnOfAll >= firstTurn) return true
    const last = this.#lastTurns.get(clientId)
    return last !== undefined && last >= firstTurn
  }

  clear(): void {
    this.#lastTurnOfAll = 0
    if (this.#lastTurns.size === 0) return
    this.#lastTurns.clear()
    this.#bytes = 0
    this.#prunedAt = PRUNED_AT_MIN
  }
}

function bytesOf(clientId: string): number {
  return ENTRY_BYTES + clientId.length
}
