/**
 * Acknowledgements of one connection that may go out only when what they promise is on disk, and at the other nodes that are to
 * have it, and links that keep it. Later ones wait behind earlier ones [MQTT-4.6.0-2, MQTT-4.6.0-3, MQTT-4.6.0-4].
 */
import type { Debt } from '../../link/broker-port.ts'
import type { Members, MarkWaiter } from '../members-port.ts'
import type { Waiter } from './gathering.ts'
import type { Journal } from './journal.ts'

/** First byte of a PUBREL: it promises nothing that was not promised before. */
const PUBREL = 0x62
/** So many that are done stay in front of those that wait. */
const DONE_MAX = 1024

/** A connection as far as its acknowledgements go. */
export interface Promiser {
  /** Sends PUBACK, PUBREC, PUBREL or PUBCOMP, by its first byte. */
  acknowledge(firstByte: number, packetId: number, reason: number): void
  /** What it waits for can't be written: it ends, so that the client tries again. */
  promiseBroken(error: unknown): void
}

export class Promises implements Waiter, MarkWaiter {
  readonly #journal: Journal
  readonly #others: { readonly members: Members | undefined }
  readonly #promiser: Promiser
  /** First byte, reason and packet identifier in one number; 0 stands for a call. What waits begins at `#first`. */
  #packets: number[] = []
  /** What each of them waits for; 0: nothing. */
  #commits: number[] = []
  #marks: number[] = []
  #debts: (Debt | undefined)[] = []
  #calls: (() => void)[] = []
  #first = 0
  /** The latest that any of them waits for. */
  #lastCommit = 0
  #lastMark = 0
  #waitsForDisk = false
  #waitsForMembers = false
  /** What the first of them waits for, if it has been asked to tell. */
  #awaited: Debt | undefined
  #isClosed = false

  constructor(journal: Journal, others: { readonly members: Members | undefined }, promiser: Promiser) {
    this.#journal = journal
    this.#others = others
    this.#promiser = promiser
  }

  get isEmpty(): boolean {
    return this.#first === this.#packets.length
  }

  /** Acknowledges once all up to this commit is on disk, all up to this mark is settled, and the debt is paid. */
  acknowledge(firstByte: number, packetId: number, reason: number, commit: number, mark: number, debt?: Debt): void {
    if (this.isEmpty && this.#isDue(commit, mark, debt)) return this.#promiser.acknowledge(firstByte, packetId, reason)
    this.#add((firstByte << 24) | (reason << 16) | packetId, commit, mark, debt)
  }

  /** Calls then; for the rare packets. */
  call(call: () => void, commit: number, mark: number): void {
    if (this.isEmpty && this.#isDue(commit, mark, undefined)) return call()
    this.#calls.push(call)
    this.#add(0, commit, mark, undefined)
  }

  /** The connection is gone. */
  close(): void {
    this.#isClosed = true
    this.#packets = []
    this.#commits = []
    this.#marks = []
    this.#debts = []
    this.#calls = []
    this.#first = 0
  }

  #add(packet: number, commit: number, mark: number, debt: Debt | undefined): void {
    this.#packets.push(packet)
    this.#commits.push(commit)
    this.#marks.push(mark)
    this.#debts.push(debt)
    if (commit > this.#lastCommit) this.#lastCommit = commit
    if (mark > this.#lastMark) this.#lastMark = mark
    if (!this.#waitsForDisk && commit > this.#journal.committed) {
      this.#waitsForDisk = true
      this.#journal.wait(this)
    }
    if (!this.#waitsForMembers && !this.#isSettled(mark)) {
      this.#waitsForMembers = true
      this.#others.members?.wait(this)
    }
    this.#awaitDebt()
  }

  #isDue(commit: number, mark: number, debt: Debt | undefined): boolean {
    return commit <= this.#journal.committed && this.#isSettled(mark) && (debt === undefined || debt.isPaid)
  }

  /** One at a time: nothing goes out before the first of them does. */
  #awaitDebt(): void {
    const debt = this.#debts[this.#first]
    if (debt === undefined || debt === this.#awaited || debt.isPaid) return
    this.#awaited = debt
    debt.whenPaid(this.#paid)
  }

  readonly #paid = (error?: unknown): void => {
    this.#awaited = undefined
    if (this.#isClosed) return
    if (error !== undefined) this.#promiser.promiseBroken(error)
    this.#keep()
  }

  /** Where there are no others any more, nothing is to be waited for. */
  #isSettled(mark: number): boolean {
    if (mark === 0) return true
    const { members } = this.#others
    return members === undefined || mark <= members.settledMark
  }

  committed(): boolean {
    this.#keep()
    this.#waitsForDisk = !this.#isClosed && this.#lastCommit > this.#journal.committed
    return this.#waitsForDisk
  }

  settled(): boolean {
    this.#keep()
    this.#waitsForMembers = !this.#isClosed && !this.#isSettled(this.#lastMark)
    return this.#waitsForMembers
  }

  #keep(): void {
    while (!this.isEmpty && this.#isFirstDue) {
      const packet = this.#packets[this.#first++]!
      if (packet === 0) this.#calls.shift()!()
      else this.#promiser.acknowledge(packet >> 24, packet & 0xffff, (packet >> 16) & 0xff)
    }
    if (this.isEmpty || this.#first > DONE_MAX) this.#forgetDone()
    this.#awaitDebt()
  }

  get #isFirstDue(): boolean {
    return this.#isDue(this.#commits[this.#first]!, this.#marks[this.#first]!, this.#debts[this.#first])
  }

  #forgetDone(): void {
    this.#packets.splice(0, this.#first)
    this.#commits.splice(0, this.#first)
    this.#marks.splice(0, this.#first)
    this.#debts.splice(0, this.#first)
    this.#first = 0
  }

  failed(error: unknown): boolean {
    if (this.#isBroken) this.#promiser.promiseBroken(error)
    this.#waitsForDisk = !this.#isClosed && this.#lastCommit > this.#journal.committed
    return this.#waitsForDisk
  }

  /** Whether anything that waits promises what could not be written. */
  get #isBroken(): boolean {
    for (let i = this.#first; i < this.#packets.length; i++)
      if (this.#packets[i]! >> 24 !== PUBREL && this.#commits[i]! > this.#journal.committed) return true
    return false
  }
}
