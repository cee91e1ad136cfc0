/**
 * How the nodes of a cluster share what an actor of a peer wants: one map for each actor, owned by the node on which the actor's
 * connection landed. Its keys are the actor's routes, those of its former life included until they are swept, and a few facts.
 */
import type { RouteOp } from './route-op.ts'

export type SharedFact =
  | 'incarnation'
  /** The life of the map itself: the next owner needs a higher one. */
  | 'life'
  /** A `SharedState`. */
  | 'state'
  /** With which words the actor took its leave. */
  | 'farewell'

export const sharedStates = {
  /** The actor's lease is over: its routes still match. */
  silent: 0,
  /** It is heard, and has named all that it wants. */
  complete: 1,
  /** It is heard; routes of a former life are kept until it has named its own. */
  bootstrapping: 2,
  /** Its routes went. */
  gone: 3,
} as const
export type SharedState = (typeof sharedStates)[keyof typeof sharedStates]

export type SharedEntry =
  | { readonly type: 'route'; readonly topicFilter: string; readonly id: string }
  | { readonly type: 'fact'; readonly fact: SharedFact }
  /** Of a newer version of ours, or of nobody's. */
  | { readonly type: 'unknown' }

const namePrefix = 'peer/'
/** No filter and no id of a good peer holds it. */
const separator = '\u0000'
const facts: ReadonlyMap<string, SharedFact> = new Map(
  (['incarnation', 'life', 'state', 'farewell'] as const).map((fact) => [factKey(fact), fact]),
)

/** All maps of a peer begin so. */
export function sharedNamePrefix(link: string): string {
  return `${namePrefix}${link}/`
}

export function sharedName(link: string, actor: string): string {
  return `${sharedNamePrefix(link)}${actor}`
}

/** The actor of a map whose name begins as those of the link do. */
export function actorOfSharedName(link: string, name: string): string {
  return name.slice(sharedNamePrefix(link).length)
}

export function factKey(fact: SharedFact): string {
  return `.${fact}`
}

/** Nearly every route has its filter for an id, which is said once. */
export function routeKey(topicFilter: string, id: string): string {
  return id === topicFilter ? `r${topicFilter}` : `r${topicFilter}${separator}${id}`
}

export function parseSharedKey(key: string): SharedEntry {
  const fact = facts.get(key)
  if (fact !== undefined) return { type: 'fact', fact }
  if (!key.startsWith('r')) return { type: 'unknown' }
  const at = key.indexOf(separator)
  if (at < 0) return { type: 'route', topicFilter: key.slice(1), id: key.slice(1) }
  return { type: 'route', topicFilter: key.slice(1, at), id: key.slice(at + 1) }
}

/** A change of a route's key, as an operation. */
export function opOf(entry: Extract<SharedEntry, { type: 'route' }>, value: number | undefined): RouteOp {
  return { type: value === undefined ? 'delete' : 'add', topicFilter: entry.topicFilter, id: entry.id }
}

/** Landings of one incarnation, before they count into the next one: by then that one is long over. */
const landingsMax = 1_024
/** The highest life that a map may have. */
const lifeMax = 2 ** 52 - 1
/** Incarnations are the milliseconds of a wall clock, or small counters; up to the year 2109 they tell each other apart. */
const incarnationMax = Math.floor(lifeMax / landingsMax) - 1

/**
 * Under which life the node on which an actor has just landed owns its map. A higher incarnation goes before everything; within
 * one the later landing, which knows of the one before; and a landing of an older incarnation gets no life above what is there,
 * even if its node knows nothing of that yet.
 *
 * @param knownLife of the map as the node knows it, `undefined` if there is none
 * @param random in [0, 1): two nodes that land one incarnation without knowing of each other are to differ
 */
export function landingLife(incarnation: number, knownLife: number | undefined, random: number): number {
  const first = Math.min(Math.max(0, incarnation), incarnationMax) * landingsMax
  const salted = first + Math.floor((random * landingsMax) / 2)
  return knownLife === undefined || knownLife < first ? salted : Math.min(knownLife + 1, lifeMax)
}

/**
 * Whether what another node has shared of an actor is enough to spare the actor a bootstrap. If its former node is gone, that node
 * may have taken routes with it that the actor believes to be known.
 */
export function isTrusted(shared: {
  readonly state: SharedState
  readonly ownerIsThere: boolean
  /** We have all that the owner has. */
  readonly isInSync: boolean
}): boolean {
  return shared.ownerIsThere && shared.isInSync && shared.state === sharedStates.complete
}

export function sharedStateOf(actor: { readonly stale: boolean; readonly formerRoutes: number }): SharedState {
  if (actor.stale) return sharedStates.silent
  return actor.formerRoutes > 0 ? sharedStates.bootstrapping : sharedStates.complete
}

/** What stands under the key of a state; anything strange counts as silence, which believes the least. */
export function sharedStateIn(value: number | undefined): SharedState {
  return Object.values(sharedStates).find((state) => state === value) ?? sharedStates.silent
}
