/** So many lines a second and no more: what a flood of strangers leaves in the log. Pure. */

const LINES_PER_SECOND = 10

export class LogThrottle {
  #secondMs = 0
  #lines = 0
  #suppressed = 0

  /**
   * Whether one more line may be written, and then how many could not since the last one.
   * @param nowMs by a clock that is never set back
   */
  admit(nowMs: number): { readonly suppressed: number } | undefined {
    if (nowMs - this.#secondMs >= 1000) {
      this.#secondMs = nowMs
      this.#lines = 0
    }
    if (this.#lines >= LINES_PER_SECOND) {
      this.#suppressed++
      return undefined
    }
    this.#lines++
    const suppressed = this.#suppressed
    this.#suppressed = 0
    return { suppressed }
  }
}
