/** Something to be fuzzed: how inputs are made, and what must hold of each. */
import type { Meter } from './meter.ts'
import { mutate } from './mutate.ts'
import type { Random } from './random.ts'

export interface FuzzTarget {
  readonly name: string
  /** Good inputs to begin with, beside the corpus: always the same ones, in the same order. */
  seeds(): readonly Buffer[]
  /** An input by the rules of the format, broken here and there. */
  generate(random: Random): Buffer
  /** An input made from a good one. */
  mutate(input: Buffer, others: readonly Buffer[], random: Random): Buffer
  /**
   * Feeds the input to what is tested, each piece of work that the event loop would do at once within `meter.turn`. Throws, or
   * rejects, if anything leaves it that should not, or if anything is broken afterwards.
   */
  run(input: Buffer, meter: Meter): void | Promise<void>
}

/** Mutation for inputs that are plain bytes or text. */
export function byteMutation(options: { readonly dictionary: readonly Buffer[]; readonly bytesMax: number }) {
  return (input: Buffer, others: readonly Buffer[], random: Random): Buffer =>
    mutate(input, random, { ...options, others })
}

/** The tokens of a table, one for each word between blanks. */
export function tokens(words: string): Buffer[] {
  return words
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => Buffer.from(word))
}
