/**
 * The pool of connections that carry messages to one peer. Each member connects, loses its connection and comes back on its
 * own; the pool only counts them: `down`, `partial` or `up`. What waits to be sent belongs to nobody here.
 *
 *     member:  open { connecting -> up } -> waiting -> open
 */
import { assign, fromCallback, sendParent, setup, type ActorRefFrom, type SnapshotFrom } from 'xstate'
import { nextDelayMs, waitsLong, type Random } from '../src/link/backoff.ts'
import { connectTimedOut, type LinkFailure } from '../src/link/link-failure.ts'

/** `index` counts from 1, as the ClientIDs of the pool do. */
export type PoolMemberInput = {
  /** The peer. */
  readonly link: string
  readonly index: number
  readonly random: Random
  readonly connectMs: number
}
export type PoolMemberState = 'connecting' | 'up' | 'waiting'

/** The peer spoke to us: it lives, and what kept us apart may be over. */
export type PeerCame = { readonly type: 'peer_came' }

export type PoolMemberEvent =
  /** CONNACK with success. */
  { readonly type: 'connected' } | { readonly type: 'disconnected'; readonly failure: LinkFailure } | PeerCame

/** From a member to its pool. */
export type MemberChanged = {
  readonly type: 'member_changed'
  readonly index: number
  readonly state: PoolMemberState
  readonly failure: LinkFailure | undefined
}

export type ForwardingLog = {
  readonly event: 'cluster_link_forwarding_client_disconnected' | 'cluster_link_forwarding_client_start_failed'
  readonly index: number
  readonly failure: LinkFailure
}

const memberBackoff = { msMin: 250, msMax: 5_000 }

export const poolMemberMachine = setup({
  types: {
    input: {} as PoolMemberInput,
    context: {} as PoolMemberInput & { readonly delayMs: number; readonly failure: LinkFailure | undefined },
    events: {} as PoolMemberEvent,
  },
  actors: {
    client: fromCallback<PoolMemberEvent, { readonly index: number }>(() => {
      throw new Error('the client is handed in by the shell')
    }),
  },
  guards: { waitsLong: ({ context }) => waitsLong(context.delayMs, memberBackoff) },
  actions: {
    log: (_args, _line: ForwardingLog) => {},
    tellPool: sendParent(({ context }, state: PoolMemberState): MemberChanged => ({
      type: 'member_changed',
      index: context.index,
      state,
      failure: context.failure,
    })),
    noteFailure: assign((_, failure: LinkFailure) => ({ failure })),
    planReconnect: assign(({ context }) => ({ delayMs: nextDelayMs(context.delayMs, memberBackoff, context.random) })),
    forgetDelay: assign({ delayMs: 0 }),
    settle: assign({ delayMs: 0, failure: undefined }),
  },
  delays: {
    connectTimeout: ({ context }) => context.connectMs,
    reconnectBackoff: ({ context }) => context.delayMs,
  },
}).createMachine({
  id: 'member',
  initial: 'open',
  context: ({ input }) => ({ ...input, delayMs: 0, failure: undefined }),
  states: {
    open: {
      invoke: { src: 'client', id: 'client', input: ({ context }) => ({ index: context.index }) },
      initial: 'connecting',
      states: {
        connecting: {
          entry: { type: 'tellPool', params: 'connecting' },
          after: {
            connectTimeout: {
              target: '#member.waiting',
              actions: [
                logEnd('cluster_link_forwarding_client_start_failed'),
                { type: 'noteFailure', params: ({ context }) => connectTimedOut(context.connectMs) },
              ],
            },
          },
          on: {
            connected: 'up',
            disconnected: {
              target: '#member.waiting',
              actions: [
                logEnd('cluster_link_forwarding_client_start_failed'),
                { type: 'noteFailure', params: ({ event }) => event.failure },
              ],
            },
          },
        },
        up: {
          entry: ['settle', { type: 'tellPool', params: 'up' }],
          on: {
            disconnected: {
              target: '#member.waiting',
              actions: [
                logEnd('cluster_link_forwarding_client_disconnected'),
                { type: 'noteFailure', params: ({ event }) => event.failure },
              ],
            },
          },
        },
      },
    },
    waiting: {
      entry: ['planReconnect', { type: 'tellPool', params: 'waiting' }],
      after: { reconnectBackoff: 'open' },
      on: { peer_came: { guard: 'waitsLong', target: 'waiting', reenter: true, actions: 'forgetDelay' } },
    },
  },
})

function logEnd(event: ForwardingLog['event']) {
  const params = ({ context, event: cause }: { context: PoolMemberInput; event: PoolMemberEvent }): ForwardingLog => ({
    event,
    index: context.index,
    failure: cause.type === 'disconnected' ? cause.failure : connectTimedOut(context.connectMs),
  })
  return { type: 'log', params } as const
}

export type ForwardingInput = {
  readonly link: string
  readonly poolSize: number
  readonly random: Random
  readonly connectMs: number
}
export type MemberFact = { readonly state: PoolMemberState; readonly failure: LinkFailure | undefined }
/** What the parent and the status know of us. */
export type ForwardingFact = { readonly members: readonly MemberFact[] }

export const forwardingMachine = setup({
  types: {
    input: {} as ForwardingInput,
    context: {} as ForwardingInput & {
      readonly members: readonly MemberFact[]
      readonly refs: readonly ActorRefFrom<typeof poolMemberMachine>[]
    },
    events: {} as MemberChanged | PeerCame,
  },
  actors: { member: poolMemberMachine },
  guards: {
    allUp: ({ context }) => context.members.every(({ state }) => state === 'up'),
    someUp: ({ context }) => context.members.some(({ state }) => state === 'up'),
  },
  actions: {
    spawnMembers: assign({
      refs: ({ context, spawn }) =>
        context.members.map((_, at) =>
          spawn('member', {
            id: `member-${at + 1}`,
            input: { link: context.link, index: at + 1, random: context.random, connectMs: context.connectMs },
          }),
        ),
    }),
    noteMember: assign(({ context, event }) =>
      event.type === 'member_changed'
        ? { members: context.members.with(event.index - 1, { state: event.state, failure: event.failure }) }
        : {},
    ),
    tellMembers: ({ context }, event: PeerCame) => {
      for (const member of context.refs) member.send(event)
    },
  },
}).createMachine({
  id: 'forwarding',
  context: ({ input }) => ({
    ...input,
    members: Array.from({ length: input.poolSize }, () => ({ state: 'connecting', failure: undefined })),
    refs: [],
  }),
  entry: 'spawnMembers',
  initial: 'down',
  // A member that crashes is a fault of ours and takes the pool along: whoever watches it starts a new one.
  on: {
    member_changed: { actions: 'noteMember' },
    peer_came: { actions: { type: 'tellMembers', params: ({ event }) => event } },
  },
  states: {
    down: {
      always: [
        { guard: 'allUp', target: 'up' },
        { guard: 'someUp', target: 'partial' },
      ],
    },
    partial: {
      always: [
        { guard: 'allUp', target: 'up' },
        { guard: ({ context }) => context.members.every(({ state }) => state !== 'up'), target: 'down' },
      ],
    },
    up: { always: [{ guard: 'allUp' }, { guard: 'someUp', target: 'partial' }, { target: 'down' }] },
  },
})

export function forwardingFact({ context }: Pick<SnapshotFrom<typeof forwardingMachine>, 'context'>): ForwardingFact {
  return { members: context.members }
}
