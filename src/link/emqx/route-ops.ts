/**
 * What goes over `$LINK/cluster/route/<sender>` and `$LINK/cluster/resp/<receiver>/<actor>`: maps with integer keys, whose
 * operation stands under the atom `$op`. Source: EMQX `emqx_cluster_link_mqtt.erl` (5.8 to 6.3), and the recorded frames.
 */
import { isUtf8 } from 'node:buffer'
import type { RouteOp } from '../../routes/route-op.ts'
import { decodeTerm, encodeTerm } from './etf.ts'
import type { DecodeLimits, EncodeOptions } from './etf.ts'
import { Atom, TermMap, Tuple, binary, isList, termsEqual, tuple } from './term.ts'
import type { Term } from './term.ts'

/** First message of a replication actor on a new connection: QoS 1, with Response Topic and Correlation Data. */
export type ActorInit = {
  readonly type: 'actor_init'
  /** Name of the sending node, unique in its cluster. */
  readonly actor: string
  /** Grows at each restart of the actor and never falls, so a smaller one than the receiver knows is a zombie's. */
  readonly incarnation: number
  /** How the sender calls the cluster it dials; `undefined` for one that is no name at all, and so never the right one. */
  readonly targetCluster: string | undefined
  /** Version of the protocol; EMQX sends 1 and reads none. */
  readonly protocolVersion: number
  /** Ours, not EMQX's: what the sender says of itself to its like (`src/link/native/route-greeting.ts`). EMQX reads past it. */
  readonly greeting?: string
}

/** The receiver's answer, on the Response Topic with the same Correlation Data. */
export type ActorInitAck = {
  readonly type: 'actor_init_ack'
  readonly actor: string
  readonly protocolVersion: number
  /** The answer to a greeting; none to EMQX, and from none. */
  readonly greeting?: string
} & (
  | {
      readonly result: 'ok'
      /** The receiver has none of this incarnation's routes. */
      readonly needBootstrap: boolean
    }
  | {
      readonly result: 'error'
      /** EMQX's own: `unknown_cluster`, `bad_remote_cluster_link_name`, `cluster_link_disabled`. */
      readonly reason: string
    }
)

/** Changes of the sender's routes, in order: the bootstrap, and later whatever changes. At most 4,000 a batch, QoS 1. */
export type RouteBatch = {
  readonly type: 'route'
  readonly actor: string
  readonly incarnation: number
  readonly ops: readonly RouteOp[]
}

/** Every 10 s, QoS 0: the actor lives, and its routes with it. */
export type Heartbeat = { readonly type: 'heartbeat'; readonly actor: string; readonly incarnation: number }

export type RouteMessage = ActorInit | ActorInitAck | RouteBatch | Heartbeat

export type RouteMessageResult =
  | ActorInit
  | ActorInitAck
  | (RouteBatch & {
      /** Entries that are none of ours to keep: a filter that is no text, an id that is no binary. EMQX stores them. */
      readonly skipped: number
    })
  | Heartbeat
  /** A good map that says nothing we know, or lacks a key. EMQX 5.10 ignores it, 6.2 closes the connection. */
  | { readonly type: 'unknown'; readonly op: string }
  /** EMQX closes the connection with reason 131. */
  | { readonly type: 'malformed'; readonly reason: string }

const key = {
  actor: 10,
  incarnation: 11,
  routes: 12,
  targetCluster: 13,
  protocolVersion: 14,
  result: 15,
  bootstrap: 16,
}
const opKey = new Atom('$op')
const okAtom = new Atom('ok')
const errorAtom = new Atom('error')
const trueAtom = new Atom('true')
const falseAtom = new Atom('false')
const undefinedAtom = new Atom('undefined')
/** First element of an entry that deletes. */
const deleteMark = 100
/** Under a binary, which no key of EMQX's is. */
const greetingKey = binary('isthmus')

/** The payload that carries the message. Throws nothing; lengths are the caller's to keep (batches of 4,000). */
export function encodeRouteMessage(message: RouteMessage, options?: EncodeOptions): Buffer {
  return encodeTerm(routeMessageTerm(message), options)
}

/** Never throws. Bytes after the term are ignored, as EMQX does, and so are keys that are not known. */
export function decodeRouteMessage(payload: Uint8Array, limits?: Partial<DecodeLimits>): RouteMessageResult {
  const decoded = decodeTerm(payload, limits)
  if (decoded.type === 'malformed') return decoded
  if (!(decoded.term instanceof TermMap)) return malformed('not a map')
  const op = decoded.term.get(opKey)
  if (!Buffer.isBuffer(op)) return { type: 'unknown', op: '' }
  return fromMap(decoded.term, op.toString('utf8'))
}

/** The message as a term, its keys in the order in which EMQX writes them. */
export function routeMessageTerm(message: RouteMessage): TermMap {
  const actor = [key.actor, binary(message.actor)] as const
  const op = [opKey, binary(message.type)] as const
  switch (message.type) {
    case 'actor_init':
      return new TermMap([
        actor,
        [key.incarnation, message.incarnation],
        [key.targetCluster, binary(message.targetCluster ?? '')],
        [key.protocolVersion, message.protocolVersion],
        op,
        ...greetingEntry(message),
      ])
    case 'actor_init_ack':
      // All five keys, always: an ack without one of them crashes the link application of the EMQX that dialled.
      return new TermMap([
        actor,
        [key.protocolVersion, message.protocolVersion],
        ...ackResult(message),
        op,
        ...greetingEntry(message),
      ])
    case 'route':
      return new TermMap([actor, [key.incarnation, message.incarnation], [key.routes, message.ops.map(opTerm)], op])
    case 'heartbeat':
    default:
      return new TermMap([actor, [key.incarnation, message.incarnation], op])
  }
}

function greetingEntry({ greeting }: ActorInit | ActorInitAck): (readonly [Term, Term])[] {
  return greeting === undefined ? [] : [[greetingKey, binary(greeting)]]
}

function ackResult(ack: ActorInitAck): (readonly [Term, Term])[] {
  if (ack.result === 'error') {
    return [
      [key.result, tuple(errorAtom, binary(ack.reason))],
      [key.bootstrap, undefinedAtom],
    ]
  }
  return [
    [key.result, okAtom],
    [key.bootstrap, ack.needBootstrap ? trueAtom : falseAtom],
  ]
}

function opTerm({ type, topicFilter, id }: RouteOp): Tuple {
  // Most routes have their own filter as id: one buffer serves both.
  const topic = binary(topicFilter)
  const idBytes = id === topicFilter ? topic : binary(id)
  return type === 'add' ? tuple(topic, idBytes) : tuple(deleteMark, topic, idBytes)
}

function fromMap(map: TermMap, op: string): RouteMessageResult {
  switch (op) {
    case 'actor_init':
      return actorInit(map)
    case 'actor_init_ack':
      return actorInitAck(map)
    case 'route':
      return routeBatch(map)
    case 'heartbeat':
      return heartbeat(map)
    default:
      return { type: 'unknown', op }
  }
}

function actorInit(map: TermMap): RouteMessageResult {
  const header = actorHeader(map, 'actor_init', [key.targetCluster, key.protocolVersion])
  if (header.type !== 'actor_init') return header
  const protocolVersion = integerOf(map.get(key.protocolVersion))
  if (protocolVersion === undefined) return malformed('a protocol version that is no integer')
  return { ...header, targetCluster: textOf(map.get(key.targetCluster)), protocolVersion, ...greetingOf(map) }
}

function heartbeat(map: TermMap): RouteMessageResult {
  return actorHeader(map, 'heartbeat', [])
}

function routeBatch(map: TermMap): RouteMessageResult {
  const header = actorHeader(map, 'route', [key.routes])
  if (header.type !== 'route') return header
  const entries = map.get(key.routes)
  if (!isList(entries)) return malformed('routes that are no list')
  const ops: RouteOp[] = []
  for (const entry of entries) {
    const op = routeOp(entry)
    if (op === 'malformed') return malformed('a route that is neither a pair nor a deletion')
    if (op !== 'skip') ops.push(op)
  }
  return { ...header, ops, skipped: entries.length - ops.length }
}

function routeOp(entry: Term): RouteOp | 'skip' | 'malformed' {
  if (!(entry instanceof Tuple)) return 'malformed'
  const { elements } = entry
  const deletes = elements.length === 3
  if (deletes ? elements[0] !== deleteMark : elements.length !== 2) return 'malformed'
  const [topicTerm, idTerm] = deletes ? elements.slice(1) : elements
  const topicFilter = textOf(topicTerm)
  // Most routes have their own filter as id: one string serves both, for as long as the route is kept.
  const isOwnId = topicTerm !== undefined && idTerm !== undefined && termsEqual(topicTerm, idTerm)
  const id = isOwnId ? topicFilter : textOf(idTerm)
  if (topicFilter === undefined || id === undefined) return 'skip'
  return { type: deletes ? 'delete' : 'add', topicFilter, id }
}

/** The ack as tolerantly as it can be read: whoever dialled must get out of its handshake whatever comes back. */
function actorInitAck(map: TermMap): RouteMessageResult {
  const base = {
    type: 'actor_init_ack',
    actor: textOf(map.get(key.actor)) ?? '',
    protocolVersion: integerOf(map.get(key.protocolVersion)) ?? 1,
    ...greetingOf(map),
  } as const
  const result = map.get(key.result)
  if (result instanceof Atom && result.name === 'ok') {
    const bootstrap = map.get(key.bootstrap)
    // Whoever does not say that it has our routes is taken not to have them.
    const hasRoutes = bootstrap instanceof Atom && bootstrap.name === 'false'
    return { ...base, result: 'ok', needBootstrap: !hasRoutes }
  }
  if (result instanceof Tuple && result.elements.length === 2) {
    const [tag, reason] = result.elements
    if (tag instanceof Atom && tag.name === 'error') return { ...base, result: 'error', reason: reasonOf(reason) }
  }
  return malformed('an ack that says neither ok nor error')
}

function reasonOf(reason: Term | undefined): string {
  if (reason instanceof Atom) return reason.name
  return textOf(reason) ?? 'unspecified'
}

type Header<Type extends string> = { readonly type: Type; readonly actor: string; readonly incarnation: number }

/** The keys that three of the messages share; `unknown` when one of them or of `required` is not there. */
function actorHeader<const Type extends string>(
  map: TermMap,
  type: Type,
  required: readonly number[],
): Header<Type> | Extract<RouteMessageResult, { type: 'unknown' | 'malformed' }> {
  const actorTerm = map.get(key.actor)
  const incarnationTerm = map.get(key.incarnation)
  const missing = required.some((name) => map.get(name) === undefined)
  if (actorTerm === undefined || incarnationTerm === undefined || missing) return { type: 'unknown', op: type }
  const actor = textOf(actorTerm)
  const incarnation = integerOf(incarnationTerm)
  if (actor === undefined || actor === '') return malformed('an actor whose name is no text')
  if (incarnation === undefined) return malformed('an incarnation that is no integer')
  return { type, actor, incarnation }
}

/** What stands there and is no text was not written by our like. */
function greetingOf(map: TermMap): { readonly greeting?: string } {
  const greeting = textOf(map.get(greetingKey))
  return greeting === undefined ? {} : { greeting }
}

/** The text of a binary that holds UTF-8. */
function textOf(term: Term | undefined): string | undefined {
  return Buffer.isBuffer(term) && isUtf8(term) ? term.toString('utf8') : undefined
}

function integerOf(term: Term | undefined): number | undefined {
  return typeof term === 'number' ? term : undefined
}

function malformed(reason: string): { readonly type: 'malformed'; readonly reason: string } {
  return { type: 'malformed', reason }
}
