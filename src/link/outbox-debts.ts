/** What the publishers of a link's messages are to wait for: the disk, if the link is durable, and room, under `overflow = backpressure`. */
import type { DropReason } from '../lanes/ledger.ts'
import type { Debt } from './broker-port.ts'
import { OpenDebt } from './open-debt.ts'

/** What brings messages of a durable link to disk: see `LinkKeeper`. */
export interface MessageKeeper {
  readonly isKeeping: boolean
  readonly isFailing: boolean
  /** What is paid when all that was taken is on the disk; `undefined` if it is. */
  readonly owed: Debt | undefined
  /** The outbox took a message. Returns what its publisher is to wait for. */
  taken(): Debt
  touch(): void
}

/** From there on publishers that are not answered are read slowly, too. */
const PRESSING_FILL = 0.9

/** What is paid when there is room. */
class Room extends OpenDebt {
  readonly #outbox: { readonly fill: number }

  constructor(outbox: { readonly fill: number }) {
    super()
    this.#outbox = outbox
  }

  get isPressing(): boolean {
    return !this.isPaid && this.#outbox.fill >= PRESSING_FILL
  }
}

export class OutboxDebts {
  readonly #outbox: { readonly isFull: boolean; readonly fill: number }
  readonly #keeper: MessageKeeper | undefined
  #room: Room | undefined

  constructor(outbox: { readonly isFull: boolean; readonly fill: number }, keeper: MessageKeeper | undefined) {
    this.#outbox = outbox
    this.#keeper = keeper
  }

  /** Whether the disk takes nothing of what it would have to keep. */
  get isFailing(): boolean {
    return this.#keeper?.isFailing === true
  }

  /**
   * What the publisher of a message is to wait for.
   * @param fate what the outbox did with it
   */
  of(fate: 'taken' | 'not_ours' | DropReason, qos: number): Debt | undefined {
    if (fate === 'not_ours') return undefined
    const kept = fate === 'taken' && qos > 0 && this.#keeper?.isKeeping === true ? this.#keeper.taken() : undefined
    // Who waits for room waits for the disk as well.
    return this.#outbox.isFull ? (this.#room ??= new Room(this.#outbox)) : kept
  }

  /** The outbox took one for which nobody waits, and which it may have to keep whatever its QoS is. */
  told(): void {
    if (this.#keeper?.isKeeping === true) this.#keeper.touch()
  }

  /** To be called after anything left the outbox, or its limits changed. Cheap. */
  look(): void {
    if (this.#room === undefined || this.#outbox.isFull) return
    const room = this.#room
    this.#room = undefined
    this.#pay(room)
  }

  /** Nobody is to wait for room any more: the link is gone, or the node stops. */
  close(): void {
    this.#room?.pay()
    this.#room = undefined
  }

  #pay(room: Room): void {
    const owed = this.#keeper?.owed
    if (owed === undefined) return room.pay()
    owed.whenPaid((error) => {
      if (error === undefined) return room.pay()
      room.fail(error)
      this.#pay(room)
    })
  }
}
