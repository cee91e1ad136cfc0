/**
 * One link: the parent of its two planes, which live and fail apart, and the place where its status is computed.
 *
 *     routeSync  { running <-> restarting }      forwarding  { running <-> restarting }
 *
 * A plane that crashes is started again; one that crashes too often takes the link with it, and the supervisor decides.
 */
import { assign, raise, sendTo, setup } from 'xstate'
import type { LinkConfig } from '../src/config/config.ts'
import { nextDelayMs, type Random } from '../src/link/backoff.ts'
import { crashed, type LinkFailure } from '../src/link/link-failure.ts'
import type { Pause } from '../src/link/pause.ts'
import type { ProbeFact } from '../src/link/probe/link-prober.ts'
import type { SpeakingFact } from '../src/link/speaking.ts'
import {
  peerCame,
  statusOf,
  type InboundFact,
  type LinkFacts,
  type LinkStatus,
  type OutboxFact,
} from '../src/link/status.ts'
import { recentCrashes, type Supervision } from './child.ts'
import { forwardingFact, forwardingMachine, membersAtFirst } from './forwarding.ts'
import { routeSyncFact, routeSyncMachine } from './route-sync.ts'

/** What an edit may change without a new link. */
export type LinkSettings = {
  readonly poolSize: number
  readonly dialect: LinkConfig['dialect']
  /** Time for all addresses together, milliseconds. */
  readonly connectMs: number
  /** How long anything may wait for its acknowledgement, milliseconds. */
  readonly ackMs: number
}

export type LinkInput = {
  /** The peer. */
  readonly link: string
  readonly settings: LinkSettings
  readonly inbound: InboundFact
  readonly outbox: OutboxFact
  /** For a node alone it is left out. */
  readonly speaking?: SpeakingFact
  /** What the nodes of the cluster coordinate through does not answer. */
  readonly coordinationLost?: boolean
  /** Left out: nothing is known to be wrong. */
  readonly probe?: ProbeFact
  /** Left out: messages go. */
  readonly pause?: Pause | undefined
  readonly random: Random
  readonly nowMs: () => number
}

export type LinkEvent =
  | { readonly type: 'settings_changed'; readonly settings: LinkSettings }
  /** Speak under a new incarnation. */
  | { readonly type: 'restart_routes' }
  | { readonly type: 'rebuild_pool' }
  /** Both planes under other ClientIDs, with the routes as they are. */
  | { readonly type: 'reconnect' }
  /** Whose it is in the cluster to speak to the peer. */
  | { readonly type: 'speaking_changed'; readonly speaking: SpeakingFact }
  | { readonly type: 'coordination_changed'; readonly lost: boolean }
  | { readonly type: 'inbound_changed'; readonly inbound: InboundFact }
  | { readonly type: 'outbox_changed'; readonly outbox: OutboxFact }
  | { readonly type: 'probe_changed'; readonly probe: ProbeFact }
  /** An operator has paused forwarding, or lets it go on. */
  | { readonly type: 'pause_changed'; readonly pause: Pause | undefined }
  /** Connected for long, and nothing crosses: the pool begins anew, with the outbox as it is. */
  | { readonly type: 'mute'; readonly failure: LinkFailure }
  /** We speak EMQX's dialect to a peer that is native by now: the pool begins anew, with the outbox as it is. */
  | { readonly type: 'peer_turned_native'; readonly failure: LinkFailure }
  /** The machine to itself, for both planes: the peer spoke to us, so that nobody need wait long before speaking to it. */
  | { readonly type: 'peer_came' }

export type Plane = 'routeSync' | 'forwarding'

type LinkContext = LinkInput & {
  readonly speaking: SpeakingFact
  readonly facts: LinkFacts
  readonly status: LinkStatus
  readonly crashesAtMs: readonly number[]
  readonly delayMs: number
}

const planeSupervision: Supervision = { intensity: 3, periodMs: 10_000, backoffMsMin: 100, backoffMsMax: 2_000 }

export const linkMachine = setup({
  types: { input: {} as LinkInput, context: {} as LinkContext, events: {} as LinkEvent },
  actors: { routeSync: routeSyncMachine, forwarding: forwardingMachine },
  guards: {
    peerCame: ({ context, event }) =>
      event.type === 'inbound_changed' && peerCame(context.facts.inbound, event.inbound),
    // Without it the crash is the link's own: XState ends both planes and hands the error on.
    mayRestart: ({ context }) =>
      recentCrashes(context.crashesAtMs, context.nowMs(), planeSupervision).length < planeSupervision.intensity,
  },
  actions: {
    noteFacts: assign(({ context }, change: Partial<LinkFacts>) => {
      const facts = { ...context.facts, ...change }
      return { facts, status: statusOf(facts) }
    }),
    /** Called after every change of a fact; the status may be the same as before. */
    announce: (_args, _status: LinkStatus) => {},
    /** A crashed machine does not end what it had begun: the shell closes what the plane had open. */
    release: (_args, _plane: Plane) => {},
    noteCrash: assign(({ context }) => {
      const nowMs = context.nowMs()
      const { backoffMsMin: msMin, backoffMsMax: msMax } = planeSupervision
      return {
        crashesAtMs: [...recentCrashes(context.crashesAtMs, nowMs, planeSupervision), nowMs],
        delayMs: nextDelayMs(0, { msMin, msMax }, context.random),
      }
    }),
    noteSpeaking: assign((_args, speaking: SpeakingFact) => ({ speaking })),
    noteSettings: assign((_args, settings: LinkSettings) => ({ settings })),
  },
  delays: { crashBackoff: ({ context }) => context.delayMs },
}).createMachine({
  id: 'link',
  type: 'parallel',
  context: ({ input }) => {
    const speaking = input.speaking ?? ({ state: 'alone' } as const)
    const facts: LinkFacts = {
      routeSync: { phase: 'connecting', failure: undefined, speaking },
      forwarding: { members: membersAtFirst(input.settings) },
      inbound: input.inbound,
      outbox: input.outbox,
      coordinationLost: input.coordinationLost ?? false,
      probe: input.probe ?? { state: 'well' },
      pause: input.pause,
    }
    return { ...input, speaking, facts, status: statusOf(facts), crashesAtMs: [], delayMs: 0 }
  },
  entry: announced(),
  on: {
    settings_changed: { actions: { type: 'noteSettings', params: ({ event }) => event.settings } },
    inbound_changed: [
      { guard: 'peerCame', actions: [raise({ type: 'peer_came' }), ...inboundNoted()] },
      { actions: [...inboundNoted()] },
    ],
    outbox_changed: {
      actions: [{ type: 'noteFacts', params: ({ event }) => ({ outbox: event.outbox }) }, announced()],
    },
    pause_changed: {
      actions: [{ type: 'noteFacts', params: ({ event }) => ({ pause: event.pause }) }, announced()],
    },
    probe_changed: {
      actions: [{ type: 'noteFacts', params: ({ event }) => ({ probe: event.probe }) }, announced()],
    },
    coordination_changed: {
      actions: [{ type: 'noteFacts', params: ({ event }) => ({ coordinationLost: event.lost }) }, announced()],
    },
  },
  states: {
    routeSync: {
      initial: 'running',
      states: {
        running: {
          exit: { type: 'release', params: 'routeSync' },
          // Within the region: from above it, both planes would begin anew.
          on: {
            restart_routes: { target: 'running', reenter: true },
            peer_came: { actions: sendTo('routeSync', { type: 'peer_came' }) },
            reconnect: { actions: sendTo('routeSync', { type: 'reconnect' }) },
            speaking_changed: {
              actions: [
                { type: 'noteSpeaking', params: ({ event }) => event.speaking },
                sendTo('routeSync', ({ event }) => event),
              ],
            },
          },
          invoke: {
            src: 'routeSync',
            id: 'routeSync',
            input: ({ context: { link, random, settings, speaking } }) => ({
              link,
              random,
              connectMs: settings.connectMs,
              batchMs: settings.ackMs,
              speaking,
            }),
            onSnapshot: {
              actions: [
                { type: 'noteFacts', params: ({ event }) => ({ routeSync: routeSyncFact(event.snapshot) }) },
                announced(),
              ],
            },
            onError: [
              {
                guard: 'mayRestart',
                target: 'restarting',
                actions: [
                  'noteCrash',
                  {
                    type: 'noteFacts',
                    params: ({ context: { speaking }, event }) => ({
                      routeSync: { phase: 'disconnected', failure: crashed(event.error), speaking },
                    }),
                  },
                  announced(),
                ],
              },
            ],
          },
        },
        restarting: {
          after: { crashBackoff: 'running' },
          on: {
            restart_routes: 'running',
            speaking_changed: { actions: { type: 'noteSpeaking', params: ({ event }) => event.speaking } },
          },
        },
      },
    },
    forwarding: {
      initial: 'running',
      states: {
        running: {
          exit: { type: 'release', params: 'forwarding' },
          on: {
            rebuild_pool: { target: 'running', reenter: true },
            // By way of another state: so the history shows it, with the reason.
            mute: 'restarting',
            peer_turned_native: 'restarting',
            reconnect: { target: 'running', reenter: true },
            peer_came: { actions: sendTo('forwarding', { type: 'peer_came' }) },
          },
          invoke: {
            src: 'forwarding',
            id: 'forwarding',
            input: ({ context: { link, random, settings } }) => ({
              link,
              random,
              poolSize: settings.poolSize,
              dialect: settings.dialect,
              connectMs: settings.connectMs,
            }),
            onSnapshot: {
              actions: [
                { type: 'noteFacts', params: ({ event }) => ({ forwarding: forwardingFact(event.snapshot) }) },
                announced(),
              ],
            },
            onError: [
              {
                guard: 'mayRestart',
                target: 'restarting',
                actions: [
                  'noteCrash',
                  {
                    type: 'noteFacts',
                    params: ({ context, event }) => ({
                      forwarding: { members: membersDown(context.settings, crashed(event.error)) },
                    }),
                  },
                  announced(),
                ],
              },
            ],
          },
        },
        restarting: { after: { crashBackoff: 'running' }, on: { rebuild_pool: 'running', reconnect: 'running' } },
      },
    },
  },
})

function announced() {
  return { type: 'announce', params: statusIn } as const
}

function statusIn({ context }: { context: LinkContext }): LinkStatus {
  return context.status
}

function membersDown(settings: LinkSettings, failure: LinkFailure): LinkFacts['forwarding']['members'] {
  return membersAtFirst(settings).map((member) => ({ ...member, state: 'waiting', failure }))
}

function inboundNoted() {
  return [{ type: 'noteFacts', params: inboundIn }, announced()] as const
}

function inboundIn({ event: { inbound } }: { event: { readonly inbound: InboundFact } }) {
  return { inbound }
}
