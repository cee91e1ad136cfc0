/**
 * What a connection is sent, cut into packets and into turns of the event loop: in one turn it does only so much before others
 * have theirs, and nothing while its owner waits for an answer.
 */
import type { Debt } from '../../link/broker-port.ts'
import { Framer, type PacketHandler } from '../../packets/framer.ts'
import type { Clock, Timer } from '../clock.ts'
import type { Transport } from './transport.ts'

/**
 * How much one connection may do in one turn, and what it is reckoned by: tenths of a microsecond, roughly. A single read may hold
 * thousands of small packets.
 */
const TURN_WORK_MAX = 5_000
export const work = { packet: 5, receiver: 2, retained: 100, newTopic: 150, filter: 1000 } as const

/** Who is slowed down is still heard once in so many milliseconds, lest it seem gone, or find that nobody answers. */
const SLOW_MS = 1_000
/** What is taken of him each time, roughly, bytes. */
const READ_BYTES_MAX = 65_536

export interface InboxOwner {
  /** One whole packet, as `PacketHandler` has it. Throws `PacketFault`. */
  packet(buffer: Buffer, start: number, body: number, end: number): void
  /** Something was thrown over a packet. */
  fault(error: unknown): void
  /** Calls `Inbox.proceed` in the next turn of the event loop. */
  nextTurn(): void
}

export class Inbox implements PacketHandler {
  /** By the steady clock. */
  lastReceivedAtMs: number
  /** When the packets that are being handled were read, milliseconds since 1970. */
  readAtMs = 0
  readonly #owner: InboxOwner
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #framer: Framer
  /** What was read while the owner waits, or while it is to have its next turn. */
  #held: Buffer[] | undefined
  /** Work of this turn, see `TURN_WORK_MAX`. */
  #work = 0
  /** What is left to do of a packet that one turn is too short for. */
  #unfinished: Iterator<void, void> | undefined
  /** Until when nothing is taken, for the sake of what slows its sender down. */
  #pause: Timer | undefined
  #slowedBy: Debt | undefined
  #heldBytes = 0
  #isReleasing = false
  #isClosed = false

  /** @param packetBytesMax see `Framer` */
  constructor(owner: InboxOwner, transport: Transport, clock: Clock, packetBytesMax: number) {
    this.#owner = owner
    this.#transport = transport
    this.#clock = clock
    this.#framer = new Framer(this, packetBytesMax)
    this.lastReceivedAtMs = clock.steadyMs()
  }

  /** Bytes were read; they are ours from now on. */
  receive(chunk: Buffer): void {
    this.#work = 0
    this.#takeOrHold(chunk)
  }

  onPacket(buffer: Buffer, start: number, body: number, end: number): boolean {
    this.#owner.packet(buffer, start, body, end)
    this.#work += work.packet
    return this.#work < TURN_WORK_MAX && this.#held === undefined && this.#unfinished === undefined && !this.#isClosed
  }

  /** What the packet that is being handled costs beyond its being one, in the unit of `work`. */
  spend(amount: number): void {
    this.#work += amount
  }

  /** Does this job, a step after the other, over as many turns as it takes; the next packet waits for its end. */
  do(job: Iterator<void, void>): void {
    this.#unfinished = job
    this.#finish()
  }

  /** No packet more until `release`. */
  hold(): void {
    this.#held = []
    this.#transport.pause()
  }

  /**
   * No packet more until this is paid, or a while is over: so are those slowed down whom no acknowledgement keeps waiting.
   * @param endsRead whether all goes on then that was read with this packet: a PINGREQ among it is not to wait for long
   */
  wait(debt: Debt, endsRead: boolean): void {
    if (this.#isClosed || this.#held !== undefined || (endsRead && this.#isReleasing)) return
    // What comes in small pieces is gathered: as many of them are one read.
    this.#held = []
    this.#heldBytes = 0
    this.#pause = this.#clock.after(SLOW_MS, this.#goOn)
    if (debt === this.#slowedBy) return
    this.#slowedBy = debt
    debt.whenPaid(this.#goOn)
  }

  /** Not at once: whoever is paid has work of its own to finish. */
  readonly #goOn = (): void => {
    if (this.#pause === undefined) return
    this.#pause.cancel()
    this.#pause = undefined
    this.#owner.nextTurn()
  }

  /** Takes what was held, and reads on unless that is more than one turn again. */
  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    this.#isReleasing = true
    try {
      for (const chunk of held) this.#takeOrHold(chunk)
    } finally {
      this.#isReleasing = false
    }
    if (this.#held === undefined && !this.#isClosed) this.#transport.resume()
  }

  /** The next turn has come for what was too much for one. */
  proceed(): void {
    if (this.#isClosed) return
    this.#work = 0
    try {
      this.#finish()
    } catch (error) {
      return this.#owner.fault(error)
    }
    if (this.#unfinished === undefined) this.release()
    else this.#owner.nextTurn()
  }

  /** Nothing more is taken. */
  close(): void {
    this.#isClosed = true
    this.#pause?.cancel()
    this.#pause = undefined
    this.#held = undefined
    this.#unfinished = undefined
  }

  #takeOrHold(chunk: Buffer): void {
    if (this.#isClosed) return
    if (this.#held === undefined) return this.#take(chunk)
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    if (this.#pause !== undefined && this.#heldBytes > READ_BYTES_MAX) this.#transport.pause()
  }

  #take(chunk: Buffer): void {
    this.lastReceivedAtMs = this.#clock.steadyMs()
    this.readAtMs = this.#clock.nowMs()
    try {
      const taken = this.#framer.push(chunk)
      if (taken < chunk.length || this.#unfinished !== undefined) this.#keep(chunk.subarray(taken))
    } catch (error) {
      this.#owner.fault(error)
    }
  }

  /** The rest of a read is for the next turn, unless the owner waits for something else. */
  #keep(rest: Buffer): void {
    if (this.#isClosed) return
    if (this.#held === undefined) {
      this.hold()
      this.#owner.nextTurn()
    }
    this.#held?.push(rest)
  }

  /** Goes on with a large packet for as long as this turn lasts. */
  #finish(): void {
    while (this.#unfinished !== undefined && this.#work < TURN_WORK_MAX)
      if (this.#unfinished.next().done === true) this.#unfinished = undefined
  }
}
