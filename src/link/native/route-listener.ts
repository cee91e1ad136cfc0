/**
 * Hears what one actor of a native peer wants: keeps a copy of its routes over all of its connections, and over its incarnations, so
 * that only what differs need be told. What changes in the copy goes on as operations on routes, in order.
 *
 *     preparing (the copy begins with the routes that are known already) -> hearing -> left (goodbye)
 */
import type { RoutePair } from '../../routes/actor-routes.ts'
import { MapContent } from '../../routes/map-content.ts'
import type { MapChange } from '../../routes/map-protocol.ts'
import type { ApplyResult } from '../../routes/replica.ts'
import { RouteCopy } from '../../routes/route-copy.ts'
import type { GoodbyeReason, RouteReply, RouteStatement } from '../../routes/route-frames.ts'
import type { RouteOp } from '../../routes/route-op.ts'
import type { HashKey } from '../../topics/keyed-hash.ts'

export type RouteListenerPorts = {
  readonly clock: { nowMs(): number; after(ms: number, call: () => void): { cancel(): void } }
  /** What is known of the actor's routes already: from other nodes, or as it said them in another dialect. */
  readonly pairs: () => Iterable<RoutePair>
  /** What does not say `applied` ends the connection. */
  readonly apply: (ops: readonly RouteOp[]) => ApplyResult['type']
  /** The actor said goodbye, and nothing of it is left. */
  readonly left: (reason: GoodbyeReason) => void
}

/** As of EMQX's actors. */
const routesMax = 5_000_000
/** After so long without an answer a question is asked again, milliseconds: a piece may have a long way. */
const answerMs = 5_000
const pullsMax = 4
/** How often it is looked whether an answer is overdue, milliseconds. */
const lookMs = 1_000
/** Some milliseconds of work. */
const sliceMax = 1_000
/** After so many milliseconds in one turn of the event loop, what else has come waits for the next one. */
const turnMs = 5
/** So many statements wait, each a few milliseconds of work; a peer that says more than it was asked for keeps nobody waiting but itself. */
const waitingMax = 64

export class RouteListener {
  readonly #ports: RouteListenerPorts
  #hashKey: HashKey
  /** `undefined` while it is being prepared. */
  #copy: RouteCopy | undefined
  /** What was said last while nothing could be heard, of all that can't be asked for. */
  #early: RouteStatement | undefined
  #send: ((reply: RouteReply) => void) | undefined
  #farewell: GoodbyeReason | undefined
  #work: { cancel(): void } | undefined
  #look: { cancel(): void } | undefined
  /** What has come and not been dealt with, in order. */
  readonly #waiting: RouteStatement[] = []
  /** Ends the present turn; and how long it has taken. */
  #turn: { cancel(): void } | undefined
  #tookMs = 0
  /** What a statement came to that had waited: whoever comes next is told. */
  #late: ApplyResult['type'] = 'applied'

  constructor(ports: RouteListenerPorts, hashKey: HashKey) {
    this.#ports = ports
    this.#hashKey = hashKey
  }

  /** With which the digests are made. */
  get hashKey(): HashKey {
    return this.#hashKey
  }

  /** The incarnation whose routes it has. */
  get life(): number | undefined {
    return this.#copy?.claim?.life
  }

  /** Begins with what is known, as soon as that is all there. To be called once. */
  prepare(): void {
    const pairs = this.#ports.pairs()[Symbol.iterator]()
    this.#prepare(pairs, new MapContent(this.#hashKey))
  }

  /** The actor has a new connection. */
  connected(hashKey: HashKey, send: (reply: RouteReply) => void): void {
    this.#send = send
    this.#farewell = undefined
    this.#waiting.length = 0
    this.#late = 'applied'
    this.#copy?.connected(hashKey)
    this.#hashKey = hashKey
    if (this.#copy?.isBusy === true) this.#workLater(this.#copy)
  }

  disconnected(): void {
    this.#send = undefined
    this.#look?.cancel()
    this.#look = undefined
  }

  /** What it has is of no use any more. */
  stop(): void {
    this.disconnected()
    this.#work?.cancel()
    this.#work = undefined
    this.#turn?.cancel()
    this.#turn = undefined
    this.#waiting.length = 0
  }

  /** Several long ones that come at once are dealt with in as many turns of the event loop. */
  take(statement: RouteStatement): ApplyResult['type'] {
    if (this.#late !== 'applied') return this.#late
    this.#turn ??= this.#ports.clock.after(0, () => this.#nextTurn())
    if (this.#waiting.length === 0 && this.#tookMs < turnMs) return this.#takeNow(statement)
    this.#waiting.push(statement)
    if (this.#waiting.length > waitingMax) this.#takeWaiting()
    return this.#late
  }

  #nextTurn(): void {
    this.#turn = undefined
    this.#tookMs = 0
    while (this.#waiting.length > 0 && this.#tookMs < turnMs) this.#takeWaiting()
    if (this.#tookMs > 0) this.#turn ??= this.#ports.clock.after(0, () => this.#nextTurn())
  }

  #takeWaiting(): void {
    const statement = this.#waiting.shift()
    if (statement !== undefined) this.#late = this.#takeNow(statement)
    if (this.#late !== 'applied') this.#waiting.length = 0
  }

  #takeNow(statement: RouteStatement): ApplyResult['type'] {
    const fromMs = this.#ports.clock.nowMs()
    const result = this.#takeOne(statement)
    this.#tookMs += this.#ports.clock.nowMs() - fromMs
    return result
  }

  #takeOne(statement: RouteStatement): ApplyResult['type'] {
    if (statement.type === 'goodbye') this.#farewell = statement.reason
    const copy = this.#copy
    if (copy === undefined || copy.state === 'sorting') {
      if (statement.type === 'goodbye' || statement.type === 'heartbeat') this.#early = statement
      return 'applied'
    }
    const taken = copy.take(statement)
    if (taken === 'outdated') return 'outdated'
    const result = copy.state === 'too_large' ? 'full' : this.#apply(taken)
    this.#follow()
    return result
  }

  #prepare(pairs: Iterator<RoutePair>, content: MapContent): void {
    const others: RouteOp[] = []
    for (let count = 0; count < sliceMax; count += 1) {
      const next = pairs.next()
      if (next.done === true) {
        this.#apply(others)
        return this.#prepared(content)
      }
      const [topicFilter, id] = next.value
      content.set(topicFilter, 1)
      // Another dialect has ids for routes, and this one's routes are to go by their own names alone.
      if (id === topicFilter) continue
      const named: RouteOp = { type: 'add', topicFilter, id: topicFilter }
      others.push(named, { type: 'delete', topicFilter, id })
    }
    this.#apply(others)
    this.#work = this.#ports.clock.after(0, () => this.#prepare(pairs, content))
  }

  #prepared(content: MapContent): void {
    this.#work = undefined
    this.#copy = new RouteCopy({ routesMax, answerMs, pullsMax }, this.#hashKey, content)
    this.#takeEarly()
  }

  #takeEarly(): void {
    const early = this.#early
    this.#early = undefined
    if (early !== undefined) this.#takeOne(early)
  }

  #apply(changes: readonly (MapChange | RouteOp)[]): ApplyResult['type'] {
    return changes.length === 0 ? 'applied' : this.#ports.apply(changes.map(opOf))
  }

  /** Does what is left to do without the actor, and says what is to be said. */
  #follow(): void {
    const copy = this.#copy
    if (copy === undefined) return
    if (copy.isBusy) this.#workLater(copy)
    else if (this.#farewell !== undefined) return this.#ports.left(this.#farewell)
    this.#reply(copy)
  }

  #workLater(copy: RouteCopy): void {
    this.#work ??= this.#ports.clock.after(0, () => {
      this.#work = undefined
      this.#apply(copy.work(sliceMax))
      if (copy.state !== 'sorting') this.#takeEarly()
      this.#follow()
    })
  }

  #reply(copy: RouteCopy): void {
    if (this.#send === undefined) return
    const nowMs = this.#ports.clock.nowMs()
    for (let reply = copy.reply(nowMs); reply !== undefined; reply = copy.reply(nowMs)) this.#send(reply)
    if (copy.state === 'in_sync') return
    this.#look ??= this.#ports.clock.after(lookMs, () => {
      this.#look = undefined
      this.#reply(copy)
    })
  }
}

function opOf(change: MapChange | RouteOp): RouteOp {
  if ('type' in change) return change
  const { key: topicFilter, value } = change
  return { type: value === undefined ? 'delete' : 'add', topicFilter, id: topicFilter }
}
