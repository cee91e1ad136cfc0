/** The actors of a node's links under their supervisor, which is started with the first of them. */
import { createActor, type Actor, type AnyMachineSnapshot } from 'xstate'
import type { ChildChanged, ChildSpec } from '../../actors/child.ts'
import type { LinkEvent } from '../../actors/link.ts'
import { linkSupervision, supervisorMachine } from '../../actors/supervisor.ts'
import type { ActorName, TransitionHistory } from '../transitions/transition-history.ts'
import type { Random } from './backoff.ts'
import type { LinkClock } from './link-clock.ts'

export type LinkActorsPorts = {
  readonly clock: LinkClock
  readonly random: Random
  readonly history: TransitionHistory
  /** An actor runs, has crashed, or is given up. */
  readonly changed: (change: ChildChanged) => void
}

export class LinkActors {
  readonly #ports: LinkActorsPorts
  #supervisor: Actor<typeof supervisorMachine> | undefined

  constructor(ports: LinkActorsPorts) {
    this.#ports = ports
  }

  /** In place of the link's actor, if it runs. */
  start(spec: ChildSpec): void {
    this.#supervisor ??= this.#startSupervisor()
    this.#supervisor.send({ type: 'start_child', spec })
  }

  /** Begins anew, whatever became of it. */
  restart(link: string): void {
    this.#supervisor?.send({ type: 'restart_child', id: link })
  }

  /** No exit actions are run. */
  stop(link: string): void {
    this.#supervisor?.send({ type: 'stop_child', id: link })
  }

  /** Lost if it does not run. */
  tell(link: string, event: LinkEvent): void {
    this.#supervisor?.send({ type: 'tell_child', id: link, event })
  }

  stopAll(): void {
    this.#supervisor?.stop()
  }

  #startSupervisor(): Actor<typeof supervisorMachine> {
    const { clock, random, history, changed } = this.#ports
    const machine = supervisorMachine.provide({ actions: { childChanged: (_args, change) => changed(change) } })
    const supervisor = createActor(machine, {
      input: { supervision: linkSupervision, random, nowMs: () => clock.steadyMs() },
      clock: timersOf(clock),
      inspect: history.inspector(actorName),
    })
    return supervisor.start()
  }
}

/** XState's timers on the clock of the links. */
function timersOf(clock: LinkClock) {
  return {
    setTimeout: (call: () => void, ms: number) => clock.after(ms, call),
    clearTimeout: (timer: { cancel(): void } | undefined) => timer?.cancel(),
  }
}

/** Not a name that a link could have. */
const supervisorId = 'supervisor:links'

/** The tree: the supervisor, for each link the one who keeps it running, the link, its planes, the members of its pool. */
function actorName({ machine, context }: AnyMachineSnapshot): ActorName | undefined {
  const { link, index, spec } = context
  switch (machine.id) {
    case 'supervisor':
      return { id: supervisorId, parent: undefined }
    case 'child':
      return { id: `${spec.id}/supervised`, parent: supervisorId }
    case 'link':
      return { id: link, parent: `${link}/supervised` }
    case 'routeSync':
      return { id: `${link}/route-sync`, parent: link }
    case 'forwarding':
      return { id: `${link}/forwarding`, parent: link }
    case 'member':
      return { id: `${link}/forwarding/${index}`, parent: `${link}/forwarding` }
    default:
      return undefined
  }
}
