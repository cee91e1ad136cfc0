/** Whether a replication actor that introduces itself is one we know, a new life of it, or the ghost of an older one. */

export type ActorRecord = {
  readonly incarnation: number
  /** Until when it is believed without a sign of life, milliseconds. */
  readonly untilMs: number
  /** What we have of its routes may lack some that it told somebody else. */
  readonly isDoubtful?: boolean
}

export type Verdict =
  | {
      readonly type:
        | 'created'
        /** The same life on a new connection: what it told us stands. */
        | 'resumed'
        | 'reincarnated'
        /**
         * The same life after a silence longer than its lease. An EMQX would have forgotten it by then, and what it changed
         * meanwhile it may have told nobody, so it has to say everything again. And so it does if what it told is in doubt.
         */
        | 'revived'
      readonly record: ActorRecord
    }
  | { readonly type: 'outdated'; readonly newer: number }

/**
 * A smaller incarnation is a zombie's only as long as the newer life holds its lease: a source whose clock was set back
 * would otherwise be locked out for as long as its routes are kept.
 */
export function judgeActorInit(known: ActorRecord | undefined, incoming: ActorRecord, nowMs: number): Verdict {
  if (known === undefined) return { type: 'created', record: incoming }
  const silent = known.untilMs <= nowMs
  if (incoming.incarnation < known.incarnation && !silent) return { type: 'outdated', newer: known.incarnation }
  if (incoming.incarnation !== known.incarnation) return { type: 'reincarnated', record: incoming }
  return { type: silent || known.isDoubtful === true ? 'revived' : 'resumed', record: incoming }
}
