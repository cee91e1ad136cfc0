/**
 * The pool of connections that carry messages to one peer. Each member connects, loses its connection and comes back on its
 * own; the pool only counts them: `down`, `partial` or `up`. What waits to be sent belongs to nobody here.
 *
 *     member:  open { connecting -> up } -> waiting -> open
 *
 * How many there are depends on the dialect of the peer, which each connection learns anew. To one of our kind a single connection
 * carries everything, in order; so the first one goes alone, the others open once it has found EMQX's dialect, and all but one
 * close again when one finds ours.
 */
import { assign, enqueueActions, fromCallback, sendParent, setup, type ActorRefFrom, type SnapshotFrom } from 'xstate'
import type { LinkConfig } from '../src/config/config.ts'
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

/** What is spoken on one connection. */
export type SpokenDialect = 'emqx' | 'native'

/** The peer spoke to us: it lives, and what kept us apart may be over. */
export type PeerCame = { readonly type: 'peer_came' }

export type PoolMemberEvent =
  /** CONNACK with success. */
  | { readonly type: 'connected'; readonly dialect: SpokenDialect }
  | { readonly type: 'disconnected'; readonly failure: LinkFailure }
  | PeerCame

/** From a member to its pool. */
export type MemberChanged = {
  readonly type: 'member_changed'
  readonly index: number
  readonly state: PoolMemberState
  /** Of its connection now, or its last one. */
  readonly dialect: SpokenDialect | undefined
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
    context: {} as PoolMemberInput & {
      readonly delayMs: number
      readonly dialect: SpokenDialect | undefined
      readonly failure: LinkFailure | undefined
    },
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
      dialect: context.dialect,
      failure: context.failure,
    })),
    noteDialect: assign((_, dialect: SpokenDialect) => ({ dialect })),
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
  context: ({ input }) => ({ ...input, delayMs: 0, dialect: undefined, failure: undefined }),
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
            connected: { target: 'up', actions: { type: 'noteDialect', params: ({ event }) => event.dialect } },
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
  /** As configured. */
  readonly dialect: LinkConfig['dialect']
  readonly random: Random
  readonly connectMs: number
}
export type MemberFact = Pick<MemberChanged, 'index' | 'state' | 'dialect' | 'failure'>
/** What the parent and the status know of us. Those members are named that are wanted just now. */
export type ForwardingFact = { readonly members: readonly MemberFact[] }

type MemberRef = ActorRefFrom<typeof poolMemberMachine>

export const forwardingMachine = setup({
  types: {
    input: {} as ForwardingInput,
    context: {} as ForwardingInput & {
      readonly members: readonly MemberFact[]
      /** By index. */
      readonly refs: ReadonlyMap<number, MemberRef>
    },
    events: {} as MemberChanged | PeerCame,
  },
  actors: { member: poolMemberMachine },
  guards: {
    allUp: ({ context }) => context.members.every(({ state }) => state === 'up'),
    someUp: ({ context }) => context.members.some(({ state }) => state === 'up'),
    // One that was closed may have said something before it knew.
    isOfPool: ({ context }, { index }: MemberChanged) => context.refs.has(index),
  },
  actions: {
    spawnMembers: assign({
      refs: ({ context, spawn }) =>
        new Map(
          context.members.map(({ index }) => {
            const { link, random, connectMs } = context
            const known = context.refs.get(index)
            return [
              index,
              known ?? spawn('member', { id: `member-${index}`, input: { link, index, random, connectMs } }),
            ]
          }),
        ),
    }),
    noteMember: assign(({ context }, { index, state, dialect, failure }: MemberChanged) => ({
      members: context.members.map((member) => (member.index === index ? { index, state, dialect, failure } : member)),
    })),
    wantAll: assign(({ context }) => ({
      members: Array.from(
        { length: context.poolSize },
        (_, at) => context.members.find(({ index }) => index === at + 1) ?? memberAtFirst(at + 1),
      ),
    })),
    closeOthers: enqueueActions(({ context, enqueue }, { index: kept }: MemberChanged) => {
      for (const [index, ref] of context.refs) if (index !== kept) enqueue.stopChild(ref)
      enqueue.assign({
        members: context.members.filter(({ index }) => index === kept),
        refs: new Map([...context.refs].filter(([index]) => index === kept)),
      })
    }),
    tellMembers: ({ context }, event: PeerCame) => {
      for (const member of context.refs.values()) member.send(event)
    },
  },
}).createMachine({
  id: 'forwarding',
  context: ({ input }) => ({ ...input, members: membersAtFirst(input), refs: new Map() }),
  entry: 'spawnMembers',
  initial: 'down',
  // A member that crashes is a fault of ours and takes the pool along: whoever watches it starts a new one.
  on: {
    member_changed: {
      guard: { type: 'isOfPool', params: ({ event }) => event },
      actions: [
        { type: 'noteMember', params: ({ event }) => event },
        enqueueActions(({ context, event, enqueue }) => {
          if (event.type !== 'member_changed' || event.state !== 'up') return
          if (event.dialect === 'native') enqueue({ type: 'closeOthers', params: event })
          else if (context.members.length < context.poolSize) {
            enqueue('wantAll')
            enqueue('spawnMembers')
          }
        }),
      ],
    },
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

/** Those that a pool opens before it knows what the peer speaks. */
export function membersAtFirst({ dialect, poolSize }: Pick<ForwardingInput, 'dialect' | 'poolSize'>): MemberFact[] {
  return Array.from({ length: dialect === 'emqx' ? poolSize : 1 }, (_, at) => memberAtFirst(at + 1))
}

function memberAtFirst(index: number): MemberFact {
  return { index, state: 'connecting', dialect: undefined, failure: undefined }
}

export function forwardingFact({ context }: Pick<SnapshotFrom<typeof forwardingMachine>, 'context'>): ForwardingFact {
  return { members: context.members }
}
