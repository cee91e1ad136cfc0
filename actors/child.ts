/**
 * One child of a supervisor: it runs, and after a crash runs again, until it has crashed more often than its intensity allows.
 * Then it is `failed`, which is the end of trying and not of the child: it can still be told to start, and be taken away.
 */
import { assign, fromCallback, sendParent, sendTo, setup, type AnyActorLogic, type EventObject } from 'xstate'
import { nextDelayMs, type Random } from '../src/link/backoff.ts'

export type ChildSpec = {
  readonly id: string
  readonly logic: AnyActorLogic
  /** Asked at every start, so that a child starts with what is right then. */
  readonly input: () => unknown
  /** Closes what the child had open. A machine that crashes does not end by itself what it had begun. */
  readonly release: () => void
}

/** More than `intensity` crashes within `periodMs` are a failure. As in OTP. */
export type Supervision = {
  readonly intensity: number
  readonly periodMs: number
  readonly backoffMsMin: number
  readonly backoffMsMax: number
}

export type ChildInput = {
  readonly spec: ChildSpec
  readonly supervision: Supervision
  readonly random: Random
  readonly nowMs: () => number
}

export type ChildEvent =
  | { readonly type: 'tell'; readonly event: EventObject }
  /** Begin anew, whatever happened before. */
  | { readonly type: 'restart' }

export type ChildState = 'running' | 'waiting' | 'failed'

/** To the supervisor. */
export type ChildChanged = {
  readonly type: 'child_changed'
  readonly id: string
  readonly state: ChildState
  /** Why it does not run. */
  readonly error: unknown
}

type ChildContext = ChildInput & {
  readonly crashesAtMs: readonly number[]
  readonly delayMs: number
  readonly error: unknown
}

/** The crashes that still count. */
export function recentCrashes(crashesAtMs: readonly number[], nowMs: number, { periodMs }: Supervision): number[] {
  return crashesAtMs.filter((atMs) => nowMs - atMs < periodMs)
}

/** The child itself, which the supervisor puts in its place. */
const worker: AnyActorLogic = fromCallback(() => {
  throw new Error('the child is handed in by the supervisor')
})

export const childMachine = setup({
  types: { input: {} as ChildInput, context: {} as ChildContext, events: {} as ChildEvent },
  actors: { worker },
  guards: {
    intensityExhausted: ({ context }) =>
      recentCrashes(context.crashesAtMs, context.nowMs(), context.supervision).length >= context.supervision.intensity,
  },
  actions: {
    forward: sendTo('worker', (_args, event: EventObject) => event),
    noteCrash: assign(({ context }, { error }: { readonly error: unknown }) => {
      const nowMs = context.nowMs()
      const { backoffMsMin: msMin, backoffMsMax: msMax } = context.supervision
      return {
        crashesAtMs: [...recentCrashes(context.crashesAtMs, nowMs, context.supervision), nowMs],
        delayMs: nextDelayMs(context.delayMs, { msMin, msMax }, context.random),
        error,
      }
    }),
    forgetCrashes: assign({ crashesAtMs: [], delayMs: 0, error: undefined }),
    release: ({ context }) => context.spec.release(),
    tellSupervisor: sendParent(({ context }, state: ChildState): ChildChanged => ({
      type: 'child_changed',
      id: context.spec.id,
      state,
      error: context.error,
    })),
  },
  delays: { restartBackoff: ({ context }) => context.delayMs },
}).createMachine({
  id: 'child',
  initial: 'running',
  context: ({ input }) => ({ ...input, crashesAtMs: [], delayMs: 0, error: undefined }),
  on: { restart: { target: '.running', reenter: true, actions: 'forgetCrashes' } },
  states: {
    running: {
      entry: { type: 'tellSupervisor', params: 'running' },
      exit: 'release',
      invoke: {
        src: 'worker',
        id: 'worker',
        input: ({ context }: { context: ChildContext }) => context.spec.input(),
        onError: [
          { guard: 'intensityExhausted', target: 'failed', actions: { type: 'noteCrash', params: errorOf } },
          { target: 'waiting', actions: { type: 'noteCrash', params: errorOf } },
        ],
      },
      on: { tell: { actions: { type: 'forward', params: ({ event }) => event.event } } },
    },
    waiting: { entry: { type: 'tellSupervisor', params: 'waiting' }, after: { restartBackoff: 'running' } },
    failed: { entry: { type: 'tellSupervisor', params: 'failed' } },
  },
})

function errorOf({ event }: { event: { readonly error: unknown } }) {
  return { error: event.error }
}
