/** What each actor went through lately, for the eyes of operators: its last 256 transitions. Fed by XState's inspector. */
import { isMachineSnapshot, type ActorRefLike, type AnyMachineSnapshot, type InspectionEvent } from 'xstate'

export type Transition = {
  /** Milliseconds since 1970. */
  readonly atMs: number
  readonly event: string
  readonly from: string
  readonly to: string
  readonly reason?: string
}

export const transitionsMax = 256

export class TransitionHistory {
  readonly #nowMs: () => number
  readonly #nameOf: (snapshot: AnyMachineSnapshot) => string | undefined
  readonly #actors = new WeakMap<ActorRefLike, { name: string; state: string }>()
  readonly #transitions = new Map<string, Transition[]>()

  /** @param nameOf `undefined` for an actor that nobody needs to see */
  constructor(nowMs: () => number, nameOf: (snapshot: AnyMachineSnapshot) => string | undefined) {
    this.#nowMs = nowMs
    this.#nameOf = nameOf
  }

  /** To be given to `createActor` as `inspect`. */
  readonly inspect = (inspected: InspectionEvent): void => {
    if (inspected.type !== '@xstate.snapshot' || !isMachineSnapshot(inspected.snapshot)) return
    const { actorRef, event, snapshot } = inspected
    const actor = this.#actor(actorRef, snapshot)
    if (actor === undefined) return
    const to = snapshot.status === 'active' ? stateText(snapshot.value) : snapshot.status
    if (to === actor.state) return
    const reason = reasonIn(event)
    this.#record(actor.name, {
      atMs: this.#nowMs(),
      event: event.type,
      from: actor.state,
      to,
      ...(reason === undefined ? {} : { reason }),
    })
    actor.state = to
  }

  /** Oldest first; empty for an actor that is not known. */
  of(name: string): readonly Transition[] {
    return this.#transitions.get(name) ?? []
  }

  names(): string[] {
    return [...this.#transitions.keys()]
  }

  /** Of all actors of a link that is gone. */
  forget(link: string): void {
    for (const name of this.names()) {
      if (name === link || name.startsWith(`${link}/`)) this.#transitions.delete(name)
    }
  }

  #actor(actorRef: ActorRefLike, snapshot: AnyMachineSnapshot): { name: string; state: string } | undefined {
    const known = this.#actors.get(actorRef)
    if (known !== undefined) return known
    const name = this.#nameOf(snapshot)
    if (name === undefined) return undefined
    const actor = { name, state: '' }
    this.#actors.set(actorRef, actor)
    return actor
  }

  #record(name: string, transition: Transition): void {
    const transitions = this.#transitions.get(name)
    if (transitions === undefined) this.#transitions.set(name, [transition])
    else {
      transitions.push(transition)
      if (transitions.length > transitionsMax) transitions.shift()
    }
  }
}

/** `session.established.syncing.idle`; parallel regions side by side. */
function stateText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .map(([state, inner]) => `${state}.${stateText(inner)}`)
    .join(' | ')
}

function reasonIn(event: { readonly type: string }): string | undefined {
  if ('failure' in event && typeof event.failure === 'object' && event.failure !== null && 'reason' in event.failure) {
    return String(event.failure.reason)
  }
  if ('error' in event) return event.error instanceof Error ? event.error.message : String(event.error)
  return undefined
}
