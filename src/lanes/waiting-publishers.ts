/**
 * Whose messages wait in a backlog: what else they publish has to go behind them. It knows people by ClientID, since one who comes
 * back is another connection. There is something in it only while there is a backlog.
 */
const PRUNED_AT_MIN = 1_024

export class WaitingPublishers {
  /** By ClientID: the last batch of the backlog that has a message of his. */
  readonly #lastTurns = new Map<string, number>()
  #prunedAt = PRUNED_AT_MIN

  get size(): number {
    return this.#lastTurns.size
  }

  /**
   * @param turn which batch of the backlog has it, from its beginning
   * @param firstTurn the first one that still waits
   */
  add(clientId: string, turn: number, firstTurn: number): void {
    this.#lastTurns.set(clientId, turn)
    if (this.#lastTurns.size < this.#prunedAt) return
    for (const [other, last] of this.#lastTurns) if (last < firstTurn) this.#lastTurns.delete(other)
    this.#prunedAt = Math.max(PRUNED_AT_MIN, this.#lastTurns.size * 2)
  }

  isBehind(clientId: string, firstTurn: number): boolean {
    const last = this.#lastTurns.get(clientId)
    return last !== undefined && last >= firstTurn
  }

  clear(): void {
    if (this.#lastTurns.size === 0) return
    this.#lastTurns.clear()
    this.#prunedAt = PRUNED_AT_MIN
  }
}
