/**
 * Acknowledgements of one connection that may go out only when what they promise is on disk. Later ones wait behind
 * earlier ones [MQTT-4.6.0-2, MQTT-4.6.0-3, MQTT-4.6.0-4].
 */
import type { Waiter } from './gathering.ts'
import type { Journal } from './journal.ts'

/** First byte of a PUBREL: it promises nothing that was not promised before. */
const PUBREL = 0x62

/** A connection as far as its acknowledgements go. */
export interface Promiser {
  /** Sends PUBACK, PUBREC, PUBREL or PUBCOMP, by its first byte. */
  acknowledge(firstByte: number, packetId: number, reason: number): void
  /** What it waits for can't be written: it ends, so that the client tries again. */
  promiseBroken(error: unknown): void
}

export class Promises implements Waiter {
  readonly #journal: Journal
  readonly #promiser: Promiser
  /** Four numbers each: first byte, packet identifier, reason, commit; or a call, where the first is 0. */
  #numbers: number[] = []
  #calls: (() => void)[] = []
  #isWaiting = false
  #isClosed = false

  constructor(journal: Journal, promiser: Promiser) {
    this.#journal = journal
    this.#promiser = promiser
  }

  get isEmpty(): boolean {
    return this.#numbers.length === 0
  }

  /** Acknowledges once all up to this commit is on disk. */
  acknowledge(firstByte: number, packetId: number, reason: number, commit: number): void {
    this.#numbers.push(firstByte, packetId, reason, commit)
    this.#wait()
  }

  /** Calls once all up to this commit is on disk; for the rare packets. */
  call(call: () => void, commit: number): void {
    this.#calls.push(call)
    this.#numbers.push(0, 0, 0, commit)
    this.#wait()
  }

  /** The connection is gone. */
  close(): void {
    this.#isClosed = true
    this.#numbers = []
    this.#calls = []
  }

  #wait(): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    this.#journal.wait(this)
  }

  committed(commit: number): boolean {
    const numbers = this.#numbers
    let at = 0
    for (; at < numbers.length && numbers[at + 3]! <= commit && !this.#isClosed; at += 4) {
      if (numbers[at] === 0) this.#calls.shift()!()
      else this.#promiser.acknowledge(numbers[at]!, numbers[at + 1]!, numbers[at + 2]!)
    }
    if (this.#isClosed) return false
    if (at === numbers.length) numbers.length = 0
    else if (at > 0) this.#numbers = numbers.slice(at)
    this.#isWaiting = this.#numbers.length > 0
    return this.#isWaiting
  }

  failed(error: unknown): boolean {
    if (this.#isClosed) return false
    let isBroken = false
    for (let at = 0; at < this.#numbers.length; at += 4) if (this.#numbers[at] !== PUBREL) isBroken = true
    if (isBroken) this.#promiser.promiseBroken(error)
    return !this.#isClosed
  }
}
