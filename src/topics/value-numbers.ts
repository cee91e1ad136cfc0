/** Numbers for values, so that flat arrays can hold them. A value that stands in many places has one number, counted by its uses. */
export class ValueNumbers<V> {
  readonly #numbers = new Map<V, number>()
  /** By number; the first is never given, so that 0 can stand for "none". */
  readonly #values: (V | undefined)[] = [undefined]
  readonly #uses: number[] = [0]
  readonly #free: number[] = []

  /** `undefined` for 0. */
  value(number: number): V | undefined {
    return this.#values[number]
  }

  /** Counts one more use of the value; ends with `release`. */
  acquire(value: V): number {
    const known = this.#numbers.get(value)
    if (known !== undefined) {
      this.#uses[known]! += 1
      return known
    }
    const number = this.#free.pop() ?? this.#values.length
    this.#numbers.set(value, number)
    this.#values[number] = value
    this.#uses[number] = 1
    return number
  }

  /** Nothing for 0. */
  release(number: number): void {
    if (number === 0) return
    this.#uses[number]! -= 1
    if (this.#uses[number] !== 0) return
    this.#numbers.delete(this.#values[number]!)
    this.#values[number] = undefined
    this.#free.push(number)
  }
}
