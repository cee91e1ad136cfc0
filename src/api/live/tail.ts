/** The last lines of something that goes on for ever, numbered, so that whoever asks again is told what came since. */

export type TailSince<Line> = {
  /** Oldest first. */
  readonly lines: readonly Line[]
  /** Lines that came since and are forgotten already, or are too many to be told. */
  readonly skipped: number
  /** To be named next time, with `life`. */
  readonly next: number
  readonly life: number
}

/** Lines that one answer has. */
const TOLD_MAX = 500

export class Tail<Line> {
  readonly #linesMax: number
  readonly #life: number
  readonly #lines: (Line | undefined)[] = []
  #count = 0

  /** @param life differs from that of every other process that had this node's name */
  constructor(linesMax: number, life: number) {
    this.#linesMax = linesMax
    this.#life = life
  }

  add(line: Line): void {
    this.#lines[this.#count % this.#linesMax] = line
    this.#count += 1
  }

  /** The last so many, oldest first. */
  last(limit: number): Line[] {
    const lines: Line[] = []
    for (let index = Math.max(0, this.#count - Math.min(limit, this.#linesMax)); index < this.#count; index += 1) {
      const line = this.#lines[index % this.#linesMax]
      if (line !== undefined) lines.push(line)
    }
    return lines
  }

  /**
   * What came after those that were told.
   * @param after `next` of the former answer; negative: nothing of what there is, only where it ends
   */
  since(life: number, after: number): TailSince<Line> {
    const next = this.#count
    const from = life === this.#life ? Math.min(Math.max(0, after), next) : 0
    const fresh = after < 0 ? 0 : next - from
    const lines = this.last(Math.min(fresh, TOLD_MAX))
    return { lines, skipped: fresh - lines.length, next, life: this.#life }
  }
}
