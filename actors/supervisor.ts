/**
 * Starts and stops the links of a node, one for one: each is a child of its own (`child.ts`), and none takes another down.
 * What is to run is not decided here: the reconciler says it after every change.
 */
import { enqueueActions, assign, setup, type ActorRefFrom, type EventObject } from 'xstate'
import { childMachine, type ChildChanged, type ChildSpec, type Supervision } from './child.ts'
import type { Random } from '../src/link/backoff.ts'
import { endingChildren } from '../src/link/end-children.ts'

export type SupervisorInput = {
  readonly supervision: Supervision
  readonly random: Random
  readonly nowMs: () => number
}

export type SupervisorEvent =
  /** In place of a child of the same id, if there is one. */
  | { readonly type: 'start_child'; readonly spec: ChildSpec }
  | { readonly type: 'restart_child'; readonly id: string }
  | { readonly type: 'stop_child'; readonly id: string }
  /** For the child itself; lost if it does not run. */
  | { readonly type: 'tell_child'; readonly id: string; readonly event: EventObject }
  | ChildChanged

type SupervisorContext = SupervisorInput & {
  readonly children: ReadonlyMap<string, ActorRefFrom<typeof childMachine>>
}

export const linkSupervision: Supervision = {
  intensity: 5,
  periodMs: 60_000,
  backoffMsMin: 200,
  backoffMsMax: 10_000,
}

export const supervisorMachine = setup({
  types: { input: {} as SupervisorInput, context: {} as SupervisorContext, events: {} as SupervisorEvent },
  actors: { child: childMachine },
  actions: {
    stopChildNamed: enqueueActions(({ context, enqueue }, id: string) => {
      const child = context.children.get(id)
      if (child === undefined) return
      enqueue.stopChild(child)
      enqueue.assign({ children: new Map([...context.children].filter(([other]) => other !== id)) })
    }),
    startChild: assign(({ context, spawn }, spec: ChildSpec) => {
      const { supervision, random, nowMs } = context
      const machine = endingChildren(childMachine.provide({ actors: { worker: spec.logic } }))
      const child = spawn(machine, { input: { spec, supervision, random, nowMs } })
      return { children: new Map([...context.children, [spec.id, child]]) }
    }),
    restartChild: ({ context }, id: string) => context.children.get(id)?.send({ type: 'restart' }),
    tellChild: ({ context }, { id, event }: { id: string; event: EventObject }) =>
      context.children.get(id)?.send({ type: 'tell', event }),
    childChanged: (_args, _change: ChildChanged) => {},
  },
}).createMachine({
  id: 'supervisor',
  context: ({ input }) => ({ ...input, children: new Map() }),
  on: {
    start_child: {
      actions: [
        { type: 'stopChildNamed', params: ({ event }) => event.spec.id },
        { type: 'startChild', params: ({ event }) => event.spec },
      ],
    },
    restart_child: { actions: { type: 'restartChild', params: ({ event }) => event.id } },
    stop_child: { actions: { type: 'stopChildNamed', params: ({ event }) => event.id } },
    tell_child: { actions: { type: 'tellChild', params: ({ event }) => event } },
    child_changed: { actions: { type: 'childChanged', params: ({ event }) => event } },
  },
})
