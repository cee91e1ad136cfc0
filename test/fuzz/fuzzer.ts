/** The fuzzer itself: which input comes next, and the judgement of one. Both follow from seed and number alone. */
import { type CorpusEntry, readCorpus } from './corpus.ts'
import { type Excess, Meter, STALL_MS } from './meter.ts'
import { Random } from './random.ts'
import type { FuzzTarget } from './target.ts'

export type Finding = {
  /** `threw`: an exception left where it had to stay, or something was broken afterwards. */
  readonly kind: 'threw' | Excess['kind'] | 'hung' | 'crashed'
  readonly words: string
}

/** So often an input must be too slow or too large, to be so by itself. */
const REPETITIONS = 5

export class Fuzzer {
  readonly target: FuzzTarget
  readonly corpus: readonly CorpusEntry[]
  readonly #seed: number
  readonly #good: readonly Buffer[]
  readonly #meter = new Meter()

  constructor(target: FuzzTarget, seed: number) {
    this.target = target
    this.#seed = seed
    this.corpus = readCorpus(target.name)
    this.#good = [...target.seeds(), ...this.corpus.map(({ bytes }) => bytes)]
  }

  /** How long the longest turn of the input judged last took, milliseconds. */
  get worstMs(): number {
    return this.#meter.worst.ms
  }

  inputAt(index: number): Buffer {
    const random = new Random(this.#seed, index)
    const how = random.fraction()
    const fresh = how < 0.6 || this.#good.length === 0
    const start = fresh ? this.target.generate(random) : random.pick(this.#good)
    return how < 0.4 ? start : this.target.mutate(start, this.#good, random)
  }

  async judge(input: Buffer): Promise<Finding | undefined> {
    this.#meter.reset()
    const threw = await this.#run(input, this.#meter)
    if (threw !== undefined) return threw
    const { worst, allocated } = this.#meter
    if (worst.ms > STALL_MS) {
      const leastMs = Math.min(...(await this.#again(input, worst.turn)).map((meter) => meter.worst.ms))
      if (leastMs > STALL_MS) return { kind: 'stalled', words: `${leastMs.toFixed(1)} ms in one turn, each time` }
      this.#meter.worst = { ...worst, ms: leastMs }
    }
    if (allocated === undefined) return undefined
    const each = (await this.#again(input, allocated.turn)).map((meter) => meter.allocated)
    return each.includes(undefined) ? undefined : { kind: 'allocated', words: allocated.words }
  }

  async #again(input: Buffer, looksAt: number): Promise<readonly Meter[]> {
    const meters: Meter[] = []
    for (let left = REPETITIONS; left > 0; left--) {
      const meter = new Meter(looksAt)
      await this.#run(input, meter)
      meters.push(meter)
    }
    return meters
  }

  async #run(input: Buffer, meter: Meter): Promise<Finding | undefined> {
    try {
      // A copy, because who receives bytes may keep and change them.
      await this.target.run(Buffer.from(input), meter)
      return undefined
    } catch (error) {
      return { kind: 'threw', words: error instanceof Error ? (error.stack ?? error.message) : String(error) }
    }
  }
}

/** The smallest part of a bad input that is still bad in the same way, as far as cutting pieces out goes. */
export async function minimize(fuzzer: Fuzzer, input: Buffer, { kind }: Finding): Promise<Buffer> {
  let smallest = input
  for (let size = Math.ceil(input.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length;) {
      const shorter = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)])
      if ((await fuzzer.judge(shorter))?.kind === kind) smallest = shorter
      else at += size
    }
  }
  return smallest
}
