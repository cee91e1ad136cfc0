/** An input that is a row of steps: a byte that says what happens, one that says to whom, the length in four bytes, the bytes. */
import { uint } from './term-maker.ts'

export type Step<Operation extends string> = {
  readonly operation: Operation
  readonly client: number
  readonly payload: Buffer
}

/** More would only take longer. */
const STEPS_MAX = 2000

export class StepCodec<Operation extends string> {
  readonly #operations: readonly Operation[]

  constructor(operations: readonly Operation[]) {
    this.#operations = operations
  }

  encode(operation: Operation, client: number, payload: Buffer = Buffer.alloc(0)): Buffer {
    return Buffer.concat([Buffer.of(this.#operations.indexOf(operation), client), uint(payload.length, 4), payload])
  }

  /** Reads whatever there is as steps: a mutated input is as good as any. */
  decode(input: Buffer): Step<Operation>[] {
    const steps: Step<Operation>[] = []
    for (let at = 0; at + 6 <= input.length && steps.length < STEPS_MAX;) {
      const end = Math.min(input.length, at + 6 + input.readUInt32BE(at + 2))
      const operation = this.#operations[input[at]! % this.#operations.length]!
      // A copy: who receives bytes may keep and change them.
      steps.push({ operation, client: input[at + 1]!, payload: Buffer.from(input.subarray(at + 6, end)) })
      at = end
    }
    return steps
  }
}
