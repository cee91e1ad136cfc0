/**
 * What each actor of a node went through lately, for the eyes of operators: its state, since when, how often it began anew, and its
 * last 256 transitions. Fed by XState's inspector. One history serves all machines of a node, whichever part runs them.
 */
import { isMachineSnapshot, type ActorRefLike, type AnyMachineSnapshot, type InspectionEvent } from 'xstate'

export type Transition = {
  /** Milliseconds since 1970. */
  readonly atMs: number
  readonly event: string
  readonly from: string
  readonly to: string
  readonly reason?: string
}

/** Where an actor stands in the tree. An id is kept by those who come after it: `eu-west/forwarding/1`. */
export type ActorName = { readonly id: string; readonly parent: string | undefined }

export type ActorStanding = ActorName & {
  /** `stopped`, `done` or `error` for one that has ended. */
  readonly state: string
  /** Milliseconds since 1970. */
  readonly sinceMs: number
  /** How many times it began anew after its first start. */
  readonly restarts: number
}

export type TransitionListener = (actor: string, transition: Transition) => void

type Standing = {
  readonly name: ActorName
  /** The one that bears the id now; it is kept alive by those who run it alone. */
  ref: WeakRef<ActorRefLike>
  state: string
  sinceMs: number
  restarts: number
  readonly transitions: Transition[]
}

export const transitionsMax = 256
/** Of those that have ended and that nobody has told to forget, so many are remembered at most. */
export const endedMax = 256

const lookEvery = 64

const ends: ReadonlySet<string> = new Set(['stopped', 'done', 'error'])

/** What a machine ends with that is told of a child's crash and has no answer to it. Source: XState, `isErrorActorEvent`. */
const crashEvent = 'xstate.error.actor.fault'

export class TransitionHistory {
  readonly #nowMs: () => number
  readonly #known = new WeakMap<ActorRefLike, { readonly name: ActorName; state: string }>()
  readonly #standings = new Map<string, Standing>()
  readonly #listeners = new Set<TransitionListener>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /**
   * To be given to `createActor` as `inspect`; it sees all descendants of that actor, too.
   * @param nameOf `undefined` for an actor that nobody needs to see
   */
  inspector(nameOf: (snapshot: AnyMachineSnapshot) => ActorName | undefined): (inspected: InspectionEvent) => void {
    return (inspected) => {
      if (inspected.type !== '@xstate.snapshot' || !isMachineSnapshot(inspected.snapshot)) return
      const { actorRef, event, snapshot } = inspected
      const actor = this.#actor(actorRef, snapshot, nameOf)
      if (actor === undefined) return
      const to = snapshot.status === 'active' ? stateText(snapshot.value) : snapshot.status
      if (to === actor.state) return
      const reason = reasonIn(event)
      const change = { event: event.type, from: actor.state, to, ...(reason === undefined ? {} : { reason }) }
      actor.state = to
      this.#record(actor.name, actorRef, { atMs: this.#nowMs(), ...change })
    }
  }

  /** Oldest first; empty for an actor that is not known. */
  of(id: string): readonly Transition[] {
    return this.#standings.get(id)?.transitions ?? []
  }

  ids(): string[] {
    return [...this.#standings.keys()]
  }

  /** All actors, in the order in which they first began. */
  actors(): ActorStanding[] {
    return [...this.#standings.values()].map(standingOf)
  }

  actor(id: string): ActorStanding | undefined {
    const standing = this.#standings.get(id)
    return standing === undefined ? undefined : standingOf(standing)
  }

  /** Called after each transition of any actor. Returns how to stop it. */
  onTransition(listener: TransitionListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** An actor that is gone for good, with all below it. */
  forget(id: string): void {
    for (const other of this.ids()) {
      if (other === id || other.startsWith(`${id}/`)) this.#standings.delete(other)
    }
  }

  /** Makes a running actor crash, as a fault in it would. Whoever supervises it decides what follows. False if it does not run. */
  crash(id: string, reason: string): boolean {
    const actorRef = this.#standings.get(id)?.ref.deref()
    const snapshot: unknown = actorRef?.getSnapshot()
    if (actorRef === undefined || !isMachineSnapshot(snapshot) || snapshot.status !== 'active') return false
    actorRef.send({ type: crashEvent, actorId: id, error: new Error(reason) })
    return true
  }

  #actor(
    actorRef: ActorRefLike,
    snapshot: AnyMachineSnapshot,
    nameOf: (snapshot: AnyMachineSnapshot) => ActorName | undefined,
  ): { readonly name: ActorName; state: string } | undefined {
    const known = this.#known.get(actorRef)
    if (known !== undefined) return known
    const name = nameOf(snapshot)
    if (name === undefined) return undefined
    const actor = { name, state: '' }
    this.#known.set(actorRef, actor)
    const before = this.#standings.get(name.id)
    if (before === undefined) {
      this.#forgetEnded()
      this.#standings.set(name.id, newStanding(name, actorRef))
    } else {
      before.ref = new WeakRef(actorRef)
      before.restarts += 1
    }
    return actor
  }

  /** Names come and go with what is configured; those that went long ago make room. */
  #forgetEnded(): void {
    // Not each time: a node may have ten thousands of actors that run.
    if (this.#standings.size % lookEvery !== 0) return
    const ended = [...this.#standings.values()].filter(({ state }) => ends.has(state))
    ended.sort((one, other) => one.sinceMs - other.sinceMs)
    for (const { name } of ended.slice(0, Math.max(0, ended.length - endedMax))) this.#standings.delete(name.id)
  }

  #record({ id }: ActorName, actorRef: ActorRefLike, transition: Transition): void {
    const standing = this.#standings.get(id)
    // It was forgotten: what its end still brings is of no interest.
    if (standing === undefined) return
    standing.transitions.push(transition)
    if (standing.transitions.length > transitionsMax) standing.transitions.shift()
    // A predecessor may end after its successor began.
    if (standing.ref.deref() === actorRef) {
      standing.state = transition.to
      standing.sinceMs = transition.atMs
    }
    for (const listener of this.#listeners) listener(id, transition)
  }
}

function newStanding(name: ActorName, actorRef: ActorRefLike): Standing {
  return { name, ref: new WeakRef(actorRef), state: '', sinceMs: 0, restarts: 0, transitions: [] }
}

function standingOf({ name, state, sinceMs, restarts }: Standing): ActorStanding {
  return { ...name, state, sinceMs, restarts }
}

/** `session.established.syncing.idle`; parallel regions side by side. */
function stateText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  const regions = Object.entries(value).map(([state, inner]) => `${state}.${stateText(inner)}`)
  // A machine that has no states has no regions either.
  return regions.length === 0 ? 'active' : regions.join(' | ')
}

function reasonIn(event: { readonly type: string }): string | undefined {
  if ('failure' in event && typeof event.failure === 'object' && event.failure !== null && 'reason' in event.failure) {
    return String(event.failure.reason)
  }
  if ('error' in event) return event.error instanceof Error ? event.error.message : String(event.error)
  return undefined
}
