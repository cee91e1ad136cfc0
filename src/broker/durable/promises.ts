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

/** Those that wait for one commit, one behind the other. */
type Run = {
  readonly commit: number
  /** First byte, reason and packet identifier in one number; 0 stands for a call. */
  readonly packets: number[]
  readonly calls: (() => void)[]
}

export class Promises implements Waiter {
  readonly #journal: Journal
  readonly #promiser: Promiser
  #runs: Run[] = []
  #last: Run | undefined
  #isWaiting = false
  #isClosed = false

  constructor(journal: Journal, promiser: Promiser) {
    this.#journal = journal
    this.#promiser = promiser
  }

  get isEmpty(): boolean {
    return this.#last === undefined
  }

  /** Acknowledges once all up to this commit is on disk. */
  acknowledge(firstByte: number, packetId: number, reason: number, commit: number): void {
    const run = this.#last !== undefined && this.#last.commit >= commit ? this.#last : this.#begin(commit)
    run.packets.push((firstByte << 24) | (reason << 16) | packetId)
  }

  /** Calls once all up to this commit is on disk; for the rare packets. */
  call(call: () => void, commit: number): void {
    const run = this.#last !== undefined && this.#last.commit >= commit ? this.#last : this.#begin(commit)
    run.packets.push(0)
    run.calls.push(call)
  }

  /** The connection is gone. */
  close(): void {
    this.#isClosed = true
    this.#runs = []
    this.#last = undefined
  }

  #begin(commit: number): Run {
    const run = { commit, packets: [], calls: [] }
    this.#runs.push(run)
    this.#last = run
    if (!this.#isWaiting) this.#journal.wait(this)
    this.#isWaiting = true
    return run
  }

  committed(commit: number): boolean {
    while (!this.#isClosed && this.#runs.length > 0 && this.#runs[0]!.commit <= commit) {
      const run = this.#runs.shift()!
      if (this.#runs.length === 0) this.#last = undefined
      this.#keep(run)
    }
    this.#isWaiting = this.#runs.length > 0
    return this.#isWaiting
  }

  #keep({ packets, calls }: Run): void {
    let called = 0
    for (const packet of packets) {
      if (this.#isClosed) return
      if (packet === 0) calls[called++]!()
      else this.#promiser.acknowledge(packet >> 24, packet & 0xffff, (packet >> 16) & 0xff)
    }
  }

  failed(error: unknown): boolean {
    const isBroken = this.#runs.some(({ packets }) => packets.some((packet) => packet >> 24 !== PUBREL))
    if (isBroken && !this.#isClosed) this.#promiser.promiseBroken(error)
    this.#isWaiting = this.#runs.length > 0
    return this.#isWaiting
  }
}
