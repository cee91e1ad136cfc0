/**
 * One node's part in the contest for a right that one node of a cluster has at a time.
 *
 *     follower -> candidate -> holder <-> lapsed -> follower;  released is the end.
 *
 * The right is whoever's name stands on a record that all nodes see, and that its holder renews. Time is measured by each node for
 * itself alone. Who can't renew is `lapsed`: another may have taken the right over, or nobody could. It may go on with what it
 * does, since those it speaks to believe the higher incarnation, and a taker begins with one above all that it can use.
 */
import { assign, cancel, fromPromise, raise, setup, type SnapshotFrom } from 'xstate'
import type { Random } from '../src/link/backoff.ts'

export type LeaseState = 'follower' | 'candidate' | 'holder' | 'lapsed'

export type LeaseInput = {
  readonly name: string
  /** How long an unchanged record is respected, milliseconds. */
  readonly ttlMs: number
  readonly random: Random
  /** Milliseconds by a clock that is never set. */
  readonly nowMs: () => number
  readonly isConnected: () => boolean
}

export type LeaseEvent =
  /** The record is another's, and is not as we last saw it: who holds it lives. */
  | { readonly type: 'holder_seen'; readonly reason: string }
  /** There is no record, and there may have been one: who held it will write it again. */
  | { readonly type: 'record_missing'; readonly reason: string }
  /** Nobody has to be waited for. `rivals`: others see the same, so that not all should try at once. */
  | { readonly type: 'record_free'; readonly reason: string; readonly rivals: boolean }
  /** What the nodes coordinate through is there again. */
  | { readonly type: 'connected' }
  /** The record could not be read in time: nobody can renew it then, and that it does not change says nothing. */
  | { readonly type: 'unanswered' }
  /** The record, which we hold, may have changed. */
  | { readonly type: 'doubted' }
  /** Asked then by our clock, and written. */
  | { readonly type: 'renewed'; readonly askedAtMs: number }
  /** Another's name stands on the record. */
  | { readonly type: 'superseded'; readonly reason: string }
  | { readonly type: 'release' }
  /** The machine to itself. */
  | { readonly type: 'takeover_due' }
  | { readonly type: 'look_due' }
  | { readonly type: 'renewal_due' }

export type ClaimOutcome =
  | { readonly type: 'claimed'; readonly askedAtMs: number }
  | { readonly type: 'refused'; readonly reason: string }

type LeaseContext = LeaseInput & {
  /** When we asked for what was last granted, by `nowMs`. */
  readonly renewedAtMs: number
  /** The last claim got no answer. */
  readonly claimFailed: boolean
  /** How it came to this state. */
  readonly reason: string
}

export const renewalsPerTtl = 3
/** The longest time by which those who see the same try one after another, milliseconds. */
export const jitterMsMax = 200

export const leaseMachine = setup({
  types: { input: {} as LeaseInput, context: {} as LeaseContext, events: {} as LeaseEvent },
  actors: {
    claim: fromPromise<ClaimOutcome>(() => {
      throw new Error('the claim is handed in by the shell')
    }),
  },
  guards: {
    isConnected: ({ context }) => context.isConnected(),
    renewedLately: ({ context }) => context.nowMs() - context.renewedAtMs < context.ttlMs,
    // An answer may have waited as long as this process was stopped; then it says nothing of now.
    stillCounts: ({ context }, { askedAtMs }: { readonly askedAtMs: number }) =>
      context.nowMs() - askedAtMs < context.ttlMs,
  },
  actions: {
    /** Writes the record anew: answers with `renewed`, `superseded` or nothing. */
    renew: () => {},
    /** Reads the record, in case that we are told of no changes any more; says `unanswered` if that takes too long. */
    look: () => {},
    /** Says `record_free` if that is so by what is known already. */
    weigh: () => {},
    planTakeover: raise({ type: 'takeover_due' }, { id: 'takeover', delay: 'takeover' }),
    hurryTakeover: raise(
      { type: 'takeover_due' },
      {
        id: 'takeover',
        delay: ({ context }, { rivals }: { readonly rivals: boolean }) => hurryMs(context, rivals),
      },
    ),
    cancelTakeover: cancel('takeover'),
    planLook: raise({ type: 'look_due' }, { id: 'look', delay: 'lookInterval' }),
    cancelLook: cancel('look'),
    planRenewal: raise({ type: 'renewal_due' }, { id: 'renewal', delay: 'renewalInterval' }),
    cancelRenewal: cancel('renewal'),
    // A renewal that was taken for lost may be answered after the next one.
    noteRenewal: assign(({ context }, { askedAtMs }: { readonly askedAtMs: number }) => ({
      renewedAtMs: Math.max(askedAtMs, context.renewedAtMs),
      claimFailed: false,
    })),
    noteFailure: assign({ claimFailed: true }),
    forgetFailure: assign({ claimFailed: false }),
    noteReason: assign((_, reason: string) => ({ reason })),
  },
  delays: {
    /** A renewal at least is overdue then; and twice before it is taken over, so that an outage can't be missed. */
    lookInterval: ({ context }) => context.ttlMs * 0.4,
    takeover: ({ context }) => context.ttlMs + context.random() * jitterMsMax,
    claimTimeout: ({ context }) => context.ttlMs,
    renewalInterval: ({ context }) => context.ttlMs / renewalsPerTtl,
    lapse: ({ context }) => Math.max(0, context.renewedAtMs + context.ttlMs - context.nowMs()),
  },
}).createMachine({
  id: 'lease',
  initial: 'follower',
  context: ({ input }) => ({ ...input, renewedAtMs: 0, claimFailed: false, reason: 'contests it' }),
  on: { release: '.released' },
  states: {
    follower: {
      // It is entered anew with each sign of life of the holder, which then has a whole TTL again.
      entry: ['planTakeover', 'planLook', 'weigh'],
      exit: ['cancelTakeover', 'cancelLook'],
      on: {
        look_due: { actions: ['look', 'planLook'] },
        holder_seen: { target: 'follower', reenter: true, actions: because() },
        record_missing: { target: 'follower', reenter: true, actions: because() },
        record_free: {
          actions: [
            because(),
            'cancelTakeover',
            { type: 'hurryTakeover', params: ({ event }) => ({ rivals: event.rivals }) },
          ],
        },
        connected: { target: 'follower', reenter: true, actions: 'forgetFailure' },
        unanswered: { target: 'follower', reenter: true },
        // While we are not connected nobody is overdue; when we are again, it is entered anew.
        takeover_due: { guard: 'isConnected', target: 'candidate' },
      },
    },
    candidate: {
      after: { claimTimeout: { target: 'follower', actions: 'noteFailure' } },
      invoke: {
        src: 'claim',
        onDone: [
          {
            guard: ({ event }) => event.output.type === 'refused',
            target: 'follower',
            actions: {
              type: 'noteReason',
              params: ({ event }) => (event.output.type === 'refused' ? event.output.reason : ''),
            },
          },
          {
            guard: { type: 'stillCounts', params: ({ event }) => askedAt(event.output) },
            target: 'holder',
            actions: { type: 'noteRenewal', params: ({ event }) => askedAt(event.output) },
          },
          { target: 'candidate', reenter: true },
        ],
        onError: { target: 'follower', actions: 'noteFailure' },
      },
    },
    holder: {
      // Entered anew with each renewal, so that it lapses a TTL after the last one.
      entry: 'planRenewal',
      exit: 'cancelRenewal',
      after: { lapse: { target: 'lapsed', actions: { type: 'noteReason', params: 'could not renew' } } },
      on: {
        // A timer that fires late is the first that a process hears of having been stopped.
        renewal_due: [
          { guard: 'renewedLately', actions: ['renew', 'planRenewal'] },
          { target: 'lapsed', actions: { type: 'noteReason', params: 'was stopped, or could not renew' } },
        ],
        connected: { actions: 'renew' },
        doubted: { actions: 'renew' },
        renewed: [
          {
            guard: { type: 'stillCounts', params: ({ event }) => event },
            target: 'holder',
            reenter: true,
            actions: { type: 'noteRenewal', params: ({ event }) => event },
          },
          { target: 'lapsed' },
        ],
        superseded: { target: 'follower', actions: because() },
      },
    },
    lapsed: {
      entry: ['renew', 'planRenewal'],
      exit: 'cancelRenewal',
      on: {
        renewal_due: { actions: ['renew', 'planRenewal'] },
        connected: { actions: 'renew' },
        doubted: { actions: 'renew' },
        renewed: [
          {
            guard: { type: 'stillCounts', params: ({ event }) => event },
            target: 'holder',
            actions: [
              { type: 'noteRenewal', params: ({ event }) => event },
              { type: 'noteReason', params: 'the record is still its own' },
            ],
          },
          { actions: 'renew' },
        ],
        superseded: { target: 'follower', actions: because() },
      },
    },
    released: { type: 'final' },
  },
})

/**
 * Which of the words of the design the machine stands at. A holder that could not even notice that its time is over is `lapsed`
 * though no timer has fired yet.
 */
export function leaseState({
  value,
  context,
}: Pick<SnapshotFrom<typeof leaseMachine>, 'value' | 'context'>): LeaseState {
  if (value === 'released') return 'follower'
  if (value === 'holder' && context.nowMs() - context.renewedAtMs >= context.ttlMs) return 'lapsed'
  return value
}

/** Where claims get no answer, nobody tries in a hurry. */
function hurryMs({ claimFailed, ttlMs, random }: LeaseContext, rivals: boolean): number {
  if (claimFailed) return ttlMs / renewalsPerTtl
  return rivals ? random() * jitterMsMax : 0
}

function because() {
  return { type: 'noteReason', params: reasonOf } as const
}

function reasonOf({ event }: { event: { readonly reason: string } }): string {
  return event.reason
}

function askedAt(outcome: ClaimOutcome): { readonly askedAtMs: number } {
  if (outcome.type === 'claimed') return outcome
  throw new Error('a claim that was refused was not granted')
}
