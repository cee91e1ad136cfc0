/** Rings of samples over one axis of time: fixed memory, whatever happens. */

/** Samples that an hour has. */
export const SAMPLES_MAX = 360
/** One more is being taken, which nobody sees before it is complete. */
const PLACES = SAMPLES_MAX + 1

/** The axis: when each sample was taken. */
export class Timeline {
  readonly #atMs = new Float64Array(PLACES)
  #count = 0

  /** When the last sample was taken, milliseconds since 1970; `-Infinity` before the first. */
  get lastAtMs(): number {
    return this.#count === 0 ? Number.NEGATIVE_INFINITY : this.#atMs[(this.#count - 1) % PLACES]!
  }

  /** Returns the place that the sample to be taken has in all series. */
  begin(atMs: number): number {
    const slot = this.#count % PLACES
    this.#atMs[slot] = atMs
    return slot
  }

  /** The sample is complete. */
  end(): void {
    this.#count += 1
  }

  /** Places of those taken since then, oldest first. */
  since(atMs: number): { readonly atMs: number[]; readonly slots: number[] } {
    const found: { atMs: number[]; slots: number[] } = { atMs: [], slots: [] }
    for (let index = Math.max(0, this.#count - SAMPLES_MAX); index < this.#count; index += 1) {
      const slot = index % PLACES
      if (this.#atMs[slot]! < atMs) continue
      found.atMs.push(this.#atMs[slot]!)
      found.slots.push(slot)
    }
    return found
  }
}

/** Several values a sample. A sample that was not set has none: `NaN`. */
export class Series {
  readonly #values: Float32Array

  constructor(columns: number) {
    this.#values = new Float32Array(columns * PLACES).fill(Number.NaN)
  }

  set(column: number, slot: number, value: number): void {
    this.#values[column * PLACES + slot] = value
  }

  get(column: number, slot: number): number {
    return this.#values[column * PLACES + slot]!
  }
}
