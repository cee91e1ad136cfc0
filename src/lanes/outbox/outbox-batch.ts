/** Batches as an outbox hands them out, and the port to what keeps them on the disk. */

/** A batch as it lies on the disk. All else stands in the frame (`link-frame.ts`). */
export type KeptBatch = {
  /** Order of sealing, over restarts too. A batch that was cut in two goes on under the same number, with a lower one beside it. */
  readonly id: number
  /** The link frame, not compressed. Its time is that of its first message until it is marked as sent (`markSent`). */
  readonly frame: Buffer
}

/** Messages that cross a link together. Only its outbox makes and changes one: before it is launched it may lose what expires. */
export interface OutboxBatch extends KeptBatch {
  readonly epoch: number
  /** 0 is live, 1 the backlog. */
  readonly lane: 0 | 1
  /** That of its last message; 0: QoS 0, not numbered. */
  readonly sequence: number
  readonly messages: number
  /** Whether it may have been sent before, on another connection or before a restart. */
  readonly isResent: boolean
  /** When the oldest message of it is too old by the limit of the link, by the steady clock; `Infinity`: never. */
  readonly agedMs: number
}

/** Where a durable link has its batches of QoS 1 and 2. What is said within one turn is to reach the disk together, or not at all. */
export interface BatchKeeper {
  /** Left out: always. Otherwise whether what is sealed from now on is to be kept; what was kept before is forgotten as ever. */
  readonly isKeeping?: boolean
  /** It was sealed, or changed since: the frame kept last under its id is the one that counts. Answered by `Outbox.kept`. */
  keep(batch: OutboxBatch): void
  /** It is done with. */
  forget(batch: OutboxBatch): void
}
