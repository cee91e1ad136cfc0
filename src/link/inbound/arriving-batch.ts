/** A batch of a peer, on its way from the frame in which it came to the broker: what comes in, and the account of it. */
import type { BatchCursor } from '../../lanes/batches/batch-cursor.ts'
import type { InboundLedger } from '../../lanes/inbound-ledger.ts'
import type { Publisher } from '../../packets/publication.ts'
import type { PublishView } from '../../packets/publish-view.ts'
import { PacketFault } from '../../packets/reason-code.ts'
import type { LinkBatch } from '../broker-port.ts'
import type { TopicVerdicts } from './topic-verdicts.ts'

export type ArrivingBatchOptions = {
  readonly sender: string
  readonly origin: string
  readonly isBacklog: boolean
  /** Shows its messages; it has been opened. */
  readonly cursor: BatchCursor
  readonly frame: Buffer
  /** By the sender's clock, milliseconds since 1970. */
  readonly sentAtMs: number
  /** Whether messages may be retained here (`retained`). */
  readonly mayRetain: boolean
  readonly topics: TopicVerdicts
  readonly ledger: InboundLedger
  /** Whether it comes again if it is not on the disk when our process ends. */
  readonly isKept: boolean
  /** So many messages at its beginning were taken already. */
  readonly skip: number
  /** It is going to be taken. */
  readonly begun: () => void
  /** All of it was shown; so many messages came in, and so many of those went to somebody for whom nothing was kept. */
  readonly ended: (accepted: number, untraced: number) => void
}

export class ArrivingBatch implements LinkBatch {
  readonly sender: string
  readonly origin: string
  readonly isBacklog: boolean
  readonly isKept: boolean
  /** Messages that were shown since it was begun, and those that need not be. */
  taken = 0
  readonly #options: ArrivingBatchOptions
  readonly #cursor: BatchCursor
  #hasBegun = false
  #accepted = 0
  #notInTopics = 0
  #malformed = 0
  #untraced = 0

  constructor(options: ArrivingBatchOptions) {
    this.#options = options
    this.#cursor = options.cursor
    this.sender = options.sender
    this.origin = options.origin
    this.isBacklog = options.isBacklog
    this.isKept = options.isKept
  }

  begin(): void {
    this.#hasBegun = true
    // Whoever looked through it before counted nothing that counts.
    this.#accepted = this.#notInTopics = this.#malformed = 0
    this.#options.begun()
    const { skip } = this.#options
    while (this.taken < skip && this.#cursor.next()) this.taken += 1
    this.#options.ledger.refuse('duplicate', this.taken)
  }

  untraced(): void {
    this.#untraced += 1
  }

  rewind(): void {
    this.#cursor.rewind()
  }

  next(view: PublishView): boolean {
    const cursor = this.#cursor
    while (cursor.next()) {
      if (this.#hasBegun) this.taken += 1
      if (this.#show(view)) return true
      this.refuse()
    }
    if (this.#hasBegun) this.#end()
    return false
  }

  /** What its sender should not have taken from its publisher is left out, and nothing else with it. */
  #show(view: PublishView): boolean {
    const { start, body, end, v5 } = this.#cursor
    try {
      view.read(this.#options.frame, start, body, end, v5)
      if (view.retain && !this.#options.mayRetain && !this.isTold) unretain(view)
      return true
    } catch (error) {
      if (error instanceof PacketFault) return false
      throw error
    }
  }

  #end(): void {
    const { ledger, ended } = this.#options
    ledger.accept(this.#accepted)
    ledger.refuse('not_in_topics', this.#notInTopics)
    ledger.refuse('malformed', this.#malformed)
    ended(this.#accepted, this.#untraced)
  }

  get publisher(): Publisher {
    return this.#cursor.publisher
  }

  get publishedAtMs(): number {
    return this.#cursor.timeMs
  }

  get ageMs(): number {
    return this.#options.sentAtMs - this.#cursor.timeMs
  }

  get isTold(): boolean {
    return !this.#cursor.plain
  }

  admits(topic: string): boolean {
    const { topics, mayRetain } = this.#options
    const isAdmitted = topics.admits(topic)
    if (isAdmitted) this.#accepted += 1
    else this.#notInTopics += 1
    // What is told is there to be retained, and nobody waits for it otherwise.
    return isAdmitted && (mayRetain || !this.isTold)
  }

  refuse(): void {
    this.#malformed += 1
  }
}

/** From now on it is a message like any other. */
function unretain(view: PublishView): void {
  view.retain = false
  view.buffer[view.start]! &= ~1
}
