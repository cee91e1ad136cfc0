/**
 * Tells one peer what we want from it.
 *
 *     session { connecting -> handshaking -> established { bootstrapping -> syncing <-> degraded } } -> disconnected | refused
 *
 * To a peer that answers in our own dialect the same is said otherwise: it compares what it has with what we say that there is, and
 * asks for what it lacks; its word that nothing is lacking is awaited after each heartbeat, and changes go out as they come.
 *
 *     established.native { preparing -> catching_up <-> agreed <-> doubted }  beside  { idle -> gathering -> flushing -> idle }
 *
 * `disconnected` and `refused` lead back to `session` after a pause. One machine owns the connection: it lives exactly as long
 * as the state `session`, so that no timer, heartbeat or batch can outlive it.
 *
 * In a cluster one node speaks for all, and the others stand by:
 *
 *     standby <-> any of the above, as the right to speak comes and goes; each time that it comes is a new life
 *     session -> superseded: the peer may know a newer life of ours, so we ask whose the right is
 */
import { assign, cancel, fromCallback, fromPromise, raise, sendTo, setup, type SnapshotFrom } from 'xstate'
import { nextDelayMs, waitsLong, type Random } from '../src/link/backoff.ts'
import {
  confirmOverdue,
  connectTimedOut,
  dialectChanged,
  handshakeTimedOut,
  peerSilent,
  tellsOfNewerLife,
  type LinkFailure,
} from '../src/link/link-failure.ts'
import type { PeerSide } from '../src/link/native/route-greeting.ts'
import { maySpeak, nextPatienceMs, type SpeakingFact } from '../src/link/speaking.ts'

/** What the machine tells the session, which holds the connection. */
export type RouteSessionCommand =
  /** SUBSCRIBE to the answers, then `actor_init`. */
  | { readonly type: 'handshake' }
  /** Prepare to tell everything anew; `forgotten` if the peer knows nothing of what it was told before. */
  | { readonly type: 'begin_bootstrap'; readonly forgotten: boolean }
  /** Tell a native peer what there is, as soon as we know all of it ourselves: it asks for what it lacks. */
  | { readonly type: 'begin_native' }
  /** Send the next operations, as many as one message takes, and wait for the PUBACK. */
  | { readonly type: 'send_batch' }
  | { readonly type: 'heartbeat' }

/** What the session reports. */
export type RouteSyncEvent =
  /** CONNACK with success. */
  | { readonly type: 'connected' }
  /** SUBACK or PUBACK refused a step of the handshake, or the ack says `{error, ...}`. */
  | { readonly type: 'handshake_refused'; readonly failure: LinkFailure }
  /** `peer`: it answered in our own dialect, and says who it is. */
  | { readonly type: 'actor_init_ok'; readonly needBootstrap: boolean; readonly peer?: PeerSide }
  /** It answered in another dialect than the one in which this life speaks. */
  | { readonly type: 'dialect_changed' }
  /** Native: the peer was told what there is. */
  | { readonly type: 'routes_prepared' }
  /** Native: the peer lacks something, and was told. */
  | { readonly type: 'routes_asked'; readonly progress: RouteProgress }
  /** Native: the peer has all that we want. */
  | { readonly type: 'routes_confirmed' }
  | { readonly type: 'bootstrap_begun'; readonly ops: number }
  /** `pending`: operations that wait now. */
  | { readonly type: 'batch_acked'; readonly ops: number; readonly pending: number }
  | { readonly type: 'batch_refused'; readonly failure: LinkFailure }
  /** Our interest changed, and operations wait. */
  | { readonly type: 'routes_changed' }
  | { readonly type: 'disconnected'; readonly failure: LinkFailure }
  /** The peer spoke to us: it lives, and what kept us apart may be over. */
  | { readonly type: 'peer_came' }
  /** Whose it is to speak is another one now. */
  | { readonly type: 'speaking_changed'; readonly speaking: SpeakingFact }
  /** Under another ClientID; the life goes on. */
  | { readonly type: 'reconnect' }
  /** The machine to itself. */
  | { readonly type: 'heartbeat_due' }
  /** The machine to itself: a native peer does not say that it has all. */
  | { readonly type: 'confirm_overdue' }
  /** The machine to itself: the peer does not hear us, not yet or no longer. */
  | { readonly type: 'out_of_reach' }
  /** The machine to itself: another node may reach the peer that we don't. */
  | { readonly type: 'patience_over' }

/** How far a native peer has come in making its copy of our routes. */
export type RouteProgress = {
  /** Since it began to ask. */
  readonly told: number
  /** Routes that there are; of those that it has already it is told nothing. */
  readonly total: number
}

export type RouteSyncInput = {
  /** The peer. */
  readonly link: string
  readonly random: Random
  /** Time for all addresses together, milliseconds. */
  readonly connectMs: number
  /** How long a batch may wait for its PUBACK, milliseconds. */
  readonly batchMs: number
  /** Whether it is on us to speak; for a node alone it is. */
  readonly speaking?: SpeakingFact
}

export type RouteSyncContext = RouteSyncInput & {
  readonly speaking: SpeakingFact
  /** How long we keep the right to speak without reaching the peer, the next time. */
  readonly patienceMs: number
  /** A bootstrap of this life was completed. The peer's word that it needs none counts only after that. */
  readonly bootstrapped: boolean
  readonly bootstrapLeft: number
  /** The other end of the connection, if it speaks our own dialect. */
  readonly peer: PeerSide | undefined
  /** While a native peer catches up. */
  readonly progress: RouteProgress | undefined
  /** Pause before the next attempt to connect, and before a refused batch is sent again. */
  readonly delayMs: number
  readonly retryMs: number
  /** Why we are not, or not fully, in sync. */
  readonly failure: LinkFailure | undefined
}

/** What the parent and the status know of us. */
export type RouteSyncPhase =
  /** Another node of the cluster speaks, or is to. */
  'standby' | 'connecting' | 'handshaking' | 'bootstrapping' | 'syncing' | 'degraded' | 'disconnected' | 'refused'
export type RouteSyncFact = {
  readonly phase: RouteSyncPhase
  readonly failure: LinkFailure | undefined
  readonly speaking?: SpeakingFact
  /** The peer, as it said last who it is; left out for one of another kind. */
  readonly peer?: PeerSide
  readonly progress?: RouteProgress
}

/** Event names are EMQX's. */
export type RouteSyncLog = {
  readonly event:
    | 'cluster_link_routerepl_connected'
    | 'cluster_link_routerepl_online'
    | 'cluster_link_routerepl_bootstrap_complete'
    | 'cluster_link_routerepl_handshake_rejected'
    | 'cluster_link_routerepl_handshake_timeout'
    | 'cluster_link_routerepl_connection_failed'
    | 'cluster_link_routerepl_disconnected'
    | 'cluster_link_routerepl_protocol_error'
  readonly failure?: LinkFailure
}

export const handshakeMs = 5_000
const deltaWindowMs = 10
export const heartbeatMs = 10_000
/** A native peer confirms each heartbeat: this many may be lost, or wait for a long repair. */
const confirmMs = 3.5 * heartbeatMs
const lostBackoff = { msMin: 250, msMax: 5_000 }
/** EMQX tries a peer that refused again after 5 s. */
const refusedBackoff = { msMin: 1_000, msMax: 5_000 }
const batchRetryBackoff = { msMin: 200, msMax: 5_000 }
const rereadMs = 5_000

export const routeSyncMachine = setup({
  types: { input: {} as RouteSyncInput, context: {} as RouteSyncContext, events: {} as RouteSyncEvent },
  actors: {
    session: fromCallback<RouteSessionCommand, object>(() => {
      throw new Error('the session is handed in by the shell')
    }),
    /** Resolves when it is known whose the right to speak is. */
    rereadRight: fromPromise<void>(() => Promise.reject(new Error('the right is handed in by the shell'))),
  },
  guards: {
    waitsLong: ({ context }) => waitsLong(context.delayMs, lostBackoff),
    maySpeak: ({ context }) => maySpeak(context.speaking),
    mustStandBy: ({ event }) => event.type === 'speaking_changed' && !maySpeak(event.speaking),
    hasSiblings: ({ context }) => context.speaking.state !== 'alone',
    // A lapsed right can't be given away: whoever is to have it takes it.
    canGiveWay: ({ context }) => context.speaking.state === 'holder',
    newerLifeExists: ({ context, event }) =>
      context.speaking.state !== 'alone' && 'failure' in event && tellsOfNewerLife(event.failure),
    peerIsNative: ({ event }) => event.type === 'actor_init_ok' && event.peer !== undefined,
    wasToldRoutes: ({ context }) => (context.progress?.told ?? 0) > 0,
    asksForRoutes: ({ event }) => event.type === 'routes_asked' && event.progress.told > 0,
    // A bootstrap that was cut off leaves a peer that knows this life and lacks routes, so its word alone won't do.
    peerHasOurRoutes: ({ context, event }) =>
      event.type === 'actor_init_ok' && context.bootstrapped && !event.needBootstrap,
    refused: ({ event }) => 'failure' in event && event.failure.kind === 'refused',
    bootstrapEmpty: ({ event }) => event.type === 'bootstrap_begun' && event.ops === 0,
    bootstrapDone: ({ context, event }) =>
      event.type === 'batch_acked' && (context.bootstrapLeft <= event.ops || event.pending === 0),
    bootstrapUnfinished: ({ context }) => !context.bootstrapped,
    opsPending: ({ event }) => event.type === 'batch_acked' && event.pending > 0,
  },
  actions: {
    log: (_args, _line: RouteSyncLog) => {},
    /** The next session is a new life's. */
    endLife: () => {},
    /** Lets another node try. */
    giveWay: () => {},
    forgetLife: assign({ bootstrapped: false, bootstrapLeft: 0, delayMs: 0, retryMs: 0 }),
    forgetFailure: assign({ failure: undefined }),
    noteSpeaking: assign(({ event }) => (event.type === 'speaking_changed' ? { speaking: event.speaking } : {})),
    noteWayGiven: assign(({ context }) => ({
      speaking: { state: 'follower', holder: undefined } as const,
      patienceMs: nextPatienceMs(context.patienceMs),
    })),
    tellOutOfReach: raise({ type: 'out_of_reach' }),
    planPatience: raise({ type: 'patience_over' }, { id: 'patience', delay: ({ context }) => context.patienceMs }),
    cancelPatience: cancel('patience'),
    noteFailure: assign((_, failure: LinkFailure) => ({ failure })),
    planReconnect: assign(({ context }) => ({ delayMs: nextDelayMs(context.delayMs, lostBackoff, context.random) })),
    planRetryOfRefusal: assign(({ context }) => ({
      delayMs: nextDelayMs(context.delayMs, refusedBackoff, context.random),
    })),
    planRetryOfBatch: assign(({ context }) => ({
      retryMs: nextDelayMs(context.retryMs, batchRetryBackoff, context.random),
    })),
    forgetDelay: assign({ delayMs: 0 }),
    noteBootstrap: assign(({ event }) => (event.type === 'bootstrap_begun' ? { bootstrapLeft: event.ops } : {})),
    countBatch: assign(({ context, event }) =>
      event.type === 'batch_acked' ? { bootstrapLeft: Math.max(0, context.bootstrapLeft - event.ops) } : {},
    ),
    notePeer: assign(({ event }) => (event.type === 'actor_init_ok' ? { peer: event.peer } : {})),
    noteProgress: assign(({ event }) => (event.type === 'routes_asked' ? { progress: event.progress } : {})),
    forgetProgress: assign({ progress: undefined }),
    settle: assign({
      bootstrapped: true,
      bootstrapLeft: 0,
      progress: undefined,
      failure: undefined,
      delayMs: 0,
      retryMs: 0,
      patienceMs: nextPatienceMs(0),
    }),
    askHandshake: sendTo('session', { type: 'handshake' }),
    beginBootstrap: sendTo('session', ({ event }) => ({
      type: 'begin_bootstrap',
      forgotten: event.type === 'actor_init_ok' && event.needBootstrap,
    })),
    beginNative: sendTo('session', { type: 'begin_native' }),
    sendBatch: sendTo('session', { type: 'send_batch' }),
    sendHeartbeat: sendTo('session', { type: 'heartbeat' }),
    planHeartbeat: raise({ type: 'heartbeat_due' }, { id: 'heartbeat', delay: heartbeatMs }),
    cancelHeartbeat: cancel('heartbeat'),
    awaitConfirm: raise({ type: 'confirm_overdue' }, { id: 'confirm', delay: confirmMs }),
    cancelConfirm: cancel('confirm'),
  },
  delays: {
    connectTimeout: ({ context }) => context.connectMs,
    handshakeTimeout: handshakeMs,
    prepareTimeout: 120_000,
    rereadTimeout: rereadMs,
    batchTimeout: ({ context }) => context.batchMs,
    deltaWindow: deltaWindowMs,
    reconnectBackoff: ({ context }) => context.delayMs,
    batchRetryBackoff: ({ context }) => context.retryMs,
  },
}).createMachine({
  id: 'routeSync',
  initial: 'standby',
  context: ({ input }) => ({
    ...input,
    speaking: input.speaking ?? { state: 'alone' },
    patienceMs: nextPatienceMs(0),
    bootstrapped: false,
    bootstrapLeft: 0,
    peer: undefined,
    progress: undefined,
    delayMs: 0,
    retryMs: 0,
    failure: undefined,
  }),
  on: {
    speaking_changed: [
      { guard: 'mustStandBy', target: '.standby', actions: ['endLife', 'forgetLife', 'noteSpeaking', 'forgetFailure'] },
      { actions: 'noteSpeaking' },
    ],
    out_of_reach: { guard: 'hasSiblings', actions: 'planPatience' },
    patience_over: [
      { guard: 'canGiveWay', target: '.standby', actions: ['endLife', 'forgetLife', 'noteWayGiven', 'giveWay'] },
      { actions: 'planPatience' },
    ],
  },
  states: {
    standby: {
      entry: 'cancelPatience',
      exit: 'tellOutOfReach',
      always: { guard: 'maySpeak', target: 'session' },
      // The last word of a session that ended because it is not on us to speak.
      on: { out_of_reach: {} },
    },
    session: {
      invoke: { src: 'session', id: 'session', input: {} },
      initial: 'connecting',
      on: {
        reconnect: { target: 'session', reenter: true },
        disconnected: [
          {
            guard: 'newerLifeExists',
            target: 'superseded',
            actions: [logged('cluster_link_routerepl_disconnected'), { type: 'noteFailure', params: failureOf }],
          },
          {
            guard: 'refused',
            target: 'refused',
            actions: [logged('cluster_link_routerepl_disconnected'), { type: 'noteFailure', params: failureOf }],
          },
          {
            target: 'disconnected',
            actions: [logged('cluster_link_routerepl_disconnected'), { type: 'noteFailure', params: failureOf }],
          },
        ],
        handshake_refused: {
          target: 'refused',
          actions: [logged('cluster_link_routerepl_handshake_rejected'), { type: 'noteFailure', params: failureOf }],
        },
      },
      states: {
        connecting: {
          after: {
            connectTimeout: {
              target: '#routeSync.disconnected',
              actions: { type: 'noteFailure', params: ({ context }) => connectTimedOut(context.connectMs) },
            },
          },
          on: {
            connected: {
              target: 'handshaking',
              actions: { type: 'log', params: { event: 'cluster_link_routerepl_connected' } },
            },
            disconnected: [
              {
                guard: 'refused',
                target: '#routeSync.refused',
                actions: [
                  logged('cluster_link_routerepl_connection_failed'),
                  { type: 'noteFailure', params: failureOf },
                ],
              },
              {
                target: '#routeSync.disconnected',
                actions: [
                  logged('cluster_link_routerepl_connection_failed'),
                  { type: 'noteFailure', params: failureOf },
                ],
              },
            ],
          },
        },
        handshaking: {
          entry: 'askHandshake',
          after: {
            handshakeTimeout: {
              target: '#routeSync.disconnected',
              actions: [
                {
                  type: 'log',
                  params: {
                    event: 'cluster_link_routerepl_handshake_timeout',
                    failure: handshakeTimedOut(handshakeMs),
                  },
                },
                { type: 'noteFailure', params: handshakeTimedOut(handshakeMs) },
              ],
            },
          },
          on: {
            actor_init_ok: [
              { guard: 'peerIsNative', target: 'established.native', actions: 'notePeer' },
              { guard: 'peerHasOurRoutes', target: 'established.syncing', actions: 'notePeer' },
              { target: 'established.bootstrapping', actions: ['notePeer', 'beginBootstrap'] },
            ],
            dialect_changed: {
              target: '#routeSync.disconnected',
              actions: ['endLife', 'forgetLife', { type: 'noteFailure', params: dialectChanged() }],
            },
          },
        },
        established: {
          entry: ['planHeartbeat', 'cancelPatience'],
          exit: ['cancelHeartbeat', 'tellOutOfReach'],
          on: { heartbeat_due: { actions: ['sendHeartbeat', 'planHeartbeat'] } },
          initial: 'bootstrapping',
          states: {
            bootstrapping: {
              initial: 'preparing',
              on: { batch_refused: { target: 'degraded', actions: { type: 'noteFailure', params: failureOf } } },
              states: {
                preparing: {
                  // Ours alone to do, and a great interest takes its time.
                  after: { prepareTimeout: silent() },
                  on: {
                    bootstrap_begun: [
                      {
                        guard: 'bootstrapEmpty',
                        target: '#routeSync.session.established.syncing',
                        actions: logBootstrapped(),
                      },
                      { target: 'sending', actions: 'noteBootstrap' },
                    ],
                  },
                },
                sending: {
                  entry: 'sendBatch',
                  after: { batchTimeout: silent() },
                  on: {
                    batch_acked: [
                      {
                        guard: 'bootstrapDone',
                        target: '#routeSync.session.established.syncing',
                        actions: logBootstrapped(),
                      },
                      { target: 'sending', reenter: true, actions: 'countBatch' },
                    ],
                  },
                },
              },
            },
            syncing: {
              entry: ['settle', { type: 'log', params: { event: 'cluster_link_routerepl_online' } }],
              // What changed while nobody listened is found by asking once.
              initial: 'gathering',
              on: { batch_refused: { target: 'degraded', actions: { type: 'noteFailure', params: failureOf } } },
              states: {
                idle: { on: { routes_changed: 'gathering' } },
                gathering: { after: { deltaWindow: 'flushing' } },
                flushing: {
                  entry: 'sendBatch',
                  after: { batchTimeout: silent() },
                  on: { batch_acked: [{ guard: 'opsPending', target: 'gathering' }, { target: 'idle' }] },
                },
              },
            },
            native: {
              type: 'parallel',
              entry: 'beginNative',
              exit: ['cancelConfirm', 'forgetProgress'],
              states: {
                agreement: {
                  initial: 'preparing',
                  on: {
                    routes_confirmed: '.agreed',
                    confirm_overdue: {
                      target: '.doubted',
                      actions: { type: 'noteFailure', params: confirmOverdue(confirmMs) },
                    },
                    batch_refused: { target: '.doubted', actions: { type: 'noteFailure', params: failureOf } },
                  },
                  states: {
                    preparing: {
                      // Ours alone to do, and a great interest takes its time.
                      after: { prepareTimeout: silent() },
                      on: { routes_prepared: 'catching_up', routes_confirmed: {} },
                    },
                    catching_up: {
                      entry: ['cancelConfirm', 'awaitConfirm'],
                      on: {
                        routes_asked: { actions: ['noteProgress', 'cancelConfirm', 'awaitConfirm'] },
                        routes_confirmed: [
                          { guard: 'wasToldRoutes', target: 'agreed', actions: logBootstrapped() },
                          { target: 'agreed' },
                        ],
                      },
                    },
                    agreed: {
                      entry: [
                        'settle',
                        { type: 'log', params: { event: 'cluster_link_routerepl_online' } },
                        'cancelConfirm',
                        'awaitConfirm',
                      ],
                      on: {
                        routes_confirmed: { actions: ['cancelConfirm', 'awaitConfirm'] },
                        routes_asked: {
                          guard: 'asksForRoutes',
                          target: 'catching_up',
                          actions: 'noteProgress',
                        },
                      },
                    },
                    doubted: {
                      entry: logProtocolError(),
                      on: {
                        confirm_overdue: {},
                        routes_asked: { guard: 'asksForRoutes', target: 'catching_up', actions: 'noteProgress' },
                      },
                    },
                  },
                },
                changes: {
                  initial: 'idle',
                  on: { batch_refused: '.idle' },
                  states: {
                    idle: { on: { routes_changed: 'gathering' } },
                    gathering: { after: { deltaWindow: 'flushing' } },
                    flushing: {
                      entry: 'sendBatch',
                      after: { batchTimeout: silent() },
                      on: { batch_acked: [{ guard: 'opsPending', target: 'gathering' }, { target: 'idle' }] },
                    },
                  },
                },
              },
            },
            degraded: {
              initial: 'waiting',
              entry: logProtocolError(),
              states: {
                waiting: { entry: 'planRetryOfBatch', after: { batchRetryBackoff: 'retrying' } },
                retrying: {
                  entry: 'sendBatch',
                  after: { batchTimeout: silent() },
                  on: {
                    batch_refused: { target: 'waiting', actions: { type: 'noteFailure', params: failureOf } },
                    batch_acked: [
                      {
                        guard: 'bootstrapDone',
                        target: '#routeSync.session.established.syncing',
                      },
                      {
                        guard: 'bootstrapUnfinished',
                        target: '#routeSync.session.established.bootstrapping.sending',
                        actions: 'countBatch',
                      },
                      { target: '#routeSync.session.established.syncing' },
                    ],
                  },
                },
              },
            },
          },
        },
      },
    },
    superseded: {
      // If the right is another's, that is told before the promise resolves, and leads to standby.
      invoke: {
        src: 'rereadRight',
        onDone: { target: 'disconnected', actions: ['endLife', 'forgetLife'] },
        // Nobody can say. Under the life that the peer knows already we can't fight with a newer one: it says no again.
        onError: 'refused',
      },
      after: { rereadTimeout: 'refused' },
    },
    disconnected: {
      entry: 'planReconnect',
      after: { reconnectBackoff: 'session' },
      on: {
        peer_came: { guard: 'waitsLong', target: 'disconnected', reenter: true, actions: 'forgetDelay' },
        reconnect: 'session',
      },
    },
    refused: {
      entry: 'planRetryOfRefusal',
      after: { reconnectBackoff: 'session' },
      on: {
        peer_came: { guard: 'waitsLong', target: 'disconnected', actions: 'forgetDelay' },
        reconnect: 'session',
      },
    },
  },
})

/** Which of the words of the design the machine stands at. */
export function routeSyncFact({
  value,
  context,
}: Pick<SnapshotFrom<typeof routeSyncMachine>, 'value' | 'context'>): RouteSyncFact {
  const { failure, speaking, peer, progress } = context
  return {
    phase: phaseOf(value),
    failure,
    speaking,
    ...(peer === undefined ? {} : { peer }),
    ...(progress === undefined ? {} : { progress }),
  }
}

function phaseOf(value: SnapshotFrom<typeof routeSyncMachine>['value']): RouteSyncPhase {
  if (typeof value === 'string') return value === 'superseded' ? 'disconnected' : value
  const { session } = value
  if (typeof session === 'string') return session
  if ('native' in session.established) {
    const { agreement } = session.established.native
    return agreement === 'agreed' ? 'syncing' : agreement === 'doubted' ? 'degraded' : 'bootstrapping'
  }
  if ('bootstrapping' in session.established) return 'bootstrapping'
  return 'syncing' in session.established ? 'syncing' : 'degraded'
}

function failureOf({ event }: { event: RouteSyncEvent }): LinkFailure {
  if ('failure' in event) return event.failure
  throw new Error(`${event.type} carries no failure`)
}

function silent() {
  return { target: '#routeSync.disconnected', actions: { type: 'noteFailure', params: silenceOf } } as const
}

function silenceOf({ context }: { context: RouteSyncContext }): LinkFailure {
  return peerSilent(context.batchMs)
}

function logged(event: RouteSyncLog['event']) {
  const params = (cause: { event: RouteSyncEvent }): RouteSyncLog => ({ event, failure: failureOf(cause) })
  return { type: 'log', params } as const
}

function logBootstrapped() {
  return { type: 'log', params: { event: 'cluster_link_routerepl_bootstrap_complete' } } as const
}

function logProtocolError() {
  return { type: 'log', params: protocolErrorOf } as const
}

function protocolErrorOf({ context: { failure } }: { context: RouteSyncContext }): RouteSyncLog {
  return { event: 'cluster_link_routerepl_protocol_error', ...(failure === undefined ? {} : { failure }) }
}
