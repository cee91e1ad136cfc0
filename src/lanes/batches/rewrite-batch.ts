/** Batches of an outbox that are written anew: without what has expired, or cut to the size that a connection takes. */
import type { Publication } from '../../packets/publication.ts'
import { PublishView } from '../../packets/publish-view.ts'
import { BatchWriter, type Directive, type LaneMessage } from './batch-writer.ts'
import { LINK_TABLES_AT } from './link-frame.ts'
import { readBatch } from './read-batch.ts'

/** A frame with some of the messages of another one. */
export type Piece = {
  readonly frame: Buffer
  readonly messages: number
  /** Messages of the batch up to the last one of this piece. */
  readonly upTo: number
  readonly firstExpiryMs: number
  readonly lastExpiryMs: number
}

type Written = { readonly frame: Buffer; readonly agedMs: number; readonly wallAheadMs: number }

const view = new PublishView()

/** What is left at `steadyMs`, after the same head; `undefined` if all has expired. */
export function withoutExpired(batch: Written, steadyMs: number): Piece | undefined {
  const all = read(batch.frame)
  const piece = new PieceWriter(batch)
  for (let i = 0; i < all.publications.length; i += 1) {
    const publication = all.publications[i]!
    if (expiryOf(publication, batch) > steadyMs) piece.add(publication, all.directives[i]!, i + 1)
  }
  return piece.finish()
}

/** The batch in pieces of at most `bytesMax`. A message that is longer alone is in none of them. */
export function cutBatch(batch: Written, bytesMax: number): Piece[] {
  const all = read(batch.frame)
  const pieces: Piece[] = []
  const piece = new PieceWriter(batch)
  const finish = () => {
    const finished = piece.finish()
    if (finished !== undefined && finished.frame.length <= bytesMax) pieces.push(finished)
  }
  for (let i = 0; i < all.publications.length; i += 1) {
    const publication = all.publications[i]!
    const directive = all.directives[i]!
    // How long a frame becomes is foretold a little too long, so that only a look at one with a single message tells.
    if (!piece.hasRoom(publication, directive, bytesMax)) finish()
    piece.add(publication, directive, i + 1)
  }
  finish()
  return pieces
}

/** When a message expires by its own interval or by the age of its batch, by the steady clock. */
export function expiryOf(publication: Publication, { agedMs, wallAheadMs }: Omit<Written, 'frame'>): number {
  return Math.min(agedMs, publication.expiresAtMs - wallAheadMs)
}

function read(frame: Buffer): {
  readonly publications: readonly Publication[]
  readonly directives: readonly Directive[]
} {
  const batch = readBatch(frame, LINK_TABLES_AT)
  if (batch.type === 'malformed') throw new Error(`a batch of our own can't be read: ${batch.reason}`)
  return batch
}

class PieceWriter {
  readonly #writer = new BatchWriter(LINK_TABLES_AT)
  readonly #batch: Written
  #upTo = 0
  #firstExpiryMs = Number.POSITIVE_INFINITY
  #lastExpiryMs = Number.NEGATIVE_INFINITY

  constructor(batch: Written) {
    this.#batch = batch
  }

  hasRoom(publication: Publication, directive: Directive, bytesMax: number): boolean {
    return this.#writer.byteLength + this.#writer.costOf(laneMessage(publication), directive) <= bytesMax
  }

  add(publication: Publication, directive: Directive, upTo: number): void {
    this.#writer.add(laneMessage(publication), directive)
    this.#upTo = upTo
    const expiryMs = expiryOf(publication, this.#batch)
    this.#firstExpiryMs = Math.min(this.#firstExpiryMs, expiryMs)
    this.#lastExpiryMs = Math.max(this.#lastExpiryMs, expiryMs)
  }

  finish(): Piece | undefined {
    const messages = this.#writer.count
    if (messages === 0) return undefined
    const piece = {
      frame: this.#writer.finishAfter(this.#batch.frame.subarray(0, LINK_TABLES_AT), true),
      messages,
      upTo: this.#upTo,
      firstExpiryMs: this.#firstExpiryMs,
      lastExpiryMs: this.#lastExpiryMs,
    }
    this.#firstExpiryMs = Number.POSITIVE_INFINITY
    this.#lastExpiryMs = Number.NEGATIVE_INFINITY
    return piece
  }
}

/** Shown by the one view of this module: valid until the next. */
function laneMessage(publication: Publication): LaneMessage {
  publication.show(view)
  const { publisher, origin, receivedAtMs: nowMs } = publication
  return { view, publisher, origin, nowMs, expirySeconds: publication.expirySecondsLeft(nowMs) }
}
