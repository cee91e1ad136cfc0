/**
 * Lives of one route speaker of a peer, and the gate to which they speak: which of them is believed, whatever is delayed.
 *
 * Real: `nextIncarnation`, and everything of the gate on the way from a packet to the broker's routes. Made up: the connections,
 * which keep the order of what one life says on one of them, and keep no order among each other.
 */
import { encodeRouteMessage, type RouteMessage } from '../../src/link/emqx/route-ops.ts'
import { nextIncarnation } from '../../src/routes/incarnation.ts'
import { BenchClient, GateBench, publishOf } from '../link/inbound/gate-bench.ts'
import type { System } from './explore.ts'

export type FencingScope = {
  readonly lives: number
  /** Of one life, one after the other: they have one ClientID, so that the next ends the one before. */
  readonly connections: number
  /** Times that everybody is silent until a bootstrap counts as over, and until a lease is over. */
  readonly quiets: number
  readonly silences: number
  /** A planted fault: the number of a life is the wall clock's; or whoever comes last is believed. */
  readonly mutation?: 'wall_clock' | 'last_comer'
}

const peer = 'cl.a'
const actor = 'cl.a'
const topic = `$LINK/cluster/route/${peer}`
/** What each life wants: `common` is wanted throughout by the first two. */
const wants = [
  ['common', 'first'],
  ['common', 'second'],
  ['second', 'third'],
] as const
const quietMs = 2_500
/** After the handshake of one that says nothing. */
const startMs = 10_000
const silenceMs = 31_000
const hourMs = 3_600_000
const wallMs = 1_790_000_000_000

type Connection = {
  readonly client: BenchClient
  /** On its way, in order. */
  readonly messages: RouteMessage[]
  /** What it told so far. */
  readonly told: Set<string>
  isOver: boolean
}

type Life = { readonly incarnation: number; readonly connections: Connection[] }

export class FencingWorld {
  readonly bench = new GateBench('cl.b')
  readonly lives: Life[] = []
  readonly #scope: FencingScope
  #quiets = 0
  #silences = 0
  #arrivals = 0
  /** Whose introduction was taken last, and what it told since; no lower one may be heard while it is not silent. */
  #believed: { readonly life: Life; readonly told: Set<string> } | undefined
  #heardAtMs = 0
  #isCommonThere = false
  #broken: string | undefined

  constructor(scope: FencingScope) {
    this.#scope = scope
    this.bench.setLink(peer)
  }

  actions(): string[] {
    const { lives, connections, quiets, silences } = this.#scope
    const found: string[] = []
    const number = this.lives.length + 1
    if (number <= lives) found.push(`life ${number} begins`)
    if (number > 1 && number <= lives) found.push(`life ${number} begins, with its clock an hour behind`)
    for (const [index, life] of this.lives.entries()) {
      if (life.connections.length < connections) found.push(`life ${index + 1} connects`)
      for (const [at, connection] of life.connections.entries()) {
        if (connection.isOver) continue
        // While it tells there may be one, too, and an acceptor can't know: an EMQX does not say when it has told all.
        if (connection.messages.length === 0)
          found.push(`life ${index + 1} gives a sign of life on connection ${at + 1}`)
        else found.push(`what life ${index + 1} said next on connection ${at + 1} arrives`)
        found.push(`connection ${at + 1} of life ${index + 1} is cut`)
      }
    }
    if (this.#quiets < quiets) found.push('all is quiet')
    if (this.#silences < silences) found.push('a lease goes by in silence')
    return found
  }

  perform(action: string): void {
    const numbers = Array.from(action.matchAll(/\d+/g), Number)
    if (action.includes('begins')) this.#begin(action.includes('behind'))
    else if (action.endsWith('connects')) this.#connect(this.lives[numbers[0]! - 1]!)
    else if (action.includes('sign of life')) this.#beat(this.lives[numbers[0]! - 1]!, numbers[1]! - 1)
    else if (action.endsWith('arrives')) this.#arrive(this.lives[numbers[0]! - 1]!, numbers[1]! - 1)
    else if (action.endsWith('is cut')) this.#cut(this.lives[numbers[1]! - 1]!.connections[numbers[0]! - 1]!)
    else if (action === 'all is quiet') {
      this.#quiets += 1
      this.#pass(quietMs)
    } else {
      this.#silences += 1
      this.#pass(silenceMs)
    }
  }

  #begin(isBehind: boolean): void {
    // Hours apart, so that a clock that is set back is behind the life before.
    const nowMs = wallMs + this.lives.length * 1_000 - (isBehind ? hourMs : 0)
    const last = Math.max(0, ...this.lives.map(({ incarnation }) => incarnation))
    const incarnation = this.#scope.mutation === 'wall_clock' ? nowMs : nextIncarnation(nowMs, last)
    this.lives.push({ incarnation, connections: [] })
  }

  #connect(life: Life): void {
    for (const former of life.connections) if (!former.isOver) this.#cut(former)
    const client = new BenchClient(`client-${this.lives.indexOf(life)}`)
    const { incarnation } = life
    const routes = wants[this.lives.indexOf(life)]!.map((topicFilter): RouteMessage => ({
      type: 'route',
      actor,
      incarnation,
      ops: [{ type: 'add', topicFilter, id: topicFilter }],
    }))
    const init = { type: 'actor_init', actor, incarnation, targetCluster: 'cl.b', protocolVersion: 1 } as const
    life.connections.push({ client, messages: [init, ...routes], told: new Set(), isOver: false })
  }

  #beat(life: Life, at: number): void {
    life.connections[at]!.messages.push({ type: 'heartbeat', actor, incarnation: life.incarnation })
    this.#arrive(life, at)
  }

  #cut(connection: Connection): void {
    connection.isOver = true
    connection.messages.length = 0
    this.bench.gate.closed(connection.client)
  }

  #pass(ms: number): void {
    this.bench.clock.pass(ms)
    this.#lookAtCommon()
    this.#lookAtTold()
  }

  /** The first two lives want it, so that it never goes once it is there. */
  #lookAtCommon(): void {
    const isThere = this.#routes.has('common')
    this.#isCommonThere ||= isThere
    if (this.#isCommonThere && !isThere && this.lives.length < 3)
      this.#broken ??= 'a filter that was wanted throughout is gone'
  }

  get #routes(): ReadonlySet<string> {
    return new Set(this.bench.routes(peer))
  }

  #arrive(life: Life, at: number): void {
    const connection = life.connections[at]!
    const [message] = connection.messages.splice(0, 1)
    if (message === undefined) return
    const before = this.#routes
    this.#isCommonThere ||= before.has('common')
    const isFenced = this.#isFenced(life)
    this.bench.gate.publish(connection.client, publishOf(topic, encodeRouteMessage(this.#mutated(message)), to))
    const isRefused = connection.client.disconnected !== undefined
    if (isRefused) this.#cut(connection)
    if (isFenced) return this.#mustNotCount(before, isRefused, message)
    if (!isRefused) this.#note(life, connection, message)
    else if (life === this.#newest && message.type === 'actor_init') this.#broken ??= 'the newest life is not believed'
    this.#lookAtCommon()
    this.#lookAtTold()
  }

  #mutated(message: RouteMessage): RouteMessage {
    if (this.#scope.mutation !== 'last_comer' || message.type !== 'actor_init') return message
    this.#arrivals += 1
    return { ...message, incarnation: wallMs + hourMs + this.#arrivals }
  }

  /** A newer life was heard, and is not silent for as long as it may be. */
  #isFenced(life: Life): boolean {
    const believed = this.#believed?.life
    if (believed === undefined || this.lives.indexOf(life) >= this.lives.indexOf(believed)) return false
    return this.bench.clock.nowMs() - this.#heardAtMs < 30_000
  }

  #mustNotCount(before: ReadonlySet<string>, isRefused: boolean, message: RouteMessage): void {
    if (!isRefused) this.#broken ??= `an older life said ${message.type}, and its connection lives on`
    const after = this.#routes
    if (after.size !== before.size || [...before].some((route) => !after.has(route)))
      this.#broken ??= `an older life changed the routes from [${[...before].join()}] to [${[...after].join()}]`
  }

  #note(life: Life, connection: Connection, message: RouteMessage): void {
    this.#heardAtMs = this.bench.clock.nowMs()
    if (message.type === 'actor_init' && this.#believed?.life !== life) this.#believed = { life, told: new Set() }
    if (message.type !== 'route') return
    for (const { topicFilter } of message.ops) {
      connection.told.add(topicFilter)
      if (this.#believed?.life === life) this.#believed.told.add(topicFilter)
    }
  }

  /** What the life that is believed has told stays. */
  #lookAtTold(): void {
    const routes = this.#routes
    for (const told of this.#believed?.told ?? [])
      if (!routes.has(told)) this.#broken ??= `${told} was told by the life that is believed, and is not there`
  }

  get #newest(): Life | undefined {
    return this.lives.at(-1)
  }

  broken(): string | undefined {
    return this.#broken
  }

  key(): string {
    const nowMs = this.bench.clock.nowMs()
    const lives = this.lives.map((life) => {
      const connections = life.connections.map(({ isOver, messages, told }) => [isOver, messages.length, [...told]])
      return [life.incarnation - wallMs, connections]
    })
    const status = this.bench.gate.inboundStatus(peer)
    const actors = status?.actors.map((each) => [each.incarnation - wallMs, each.routes, each.formerRoutes, each.stale])
    const believed = this.#believed
    const told = [...(believed?.told ?? [])].toSorted()
    const ofBelieved = believed === undefined ? [] : [this.lives.indexOf(believed.life), told, nowMs - this.#heardAtMs]
    const { armed } = this.bench.clock
    return JSON.stringify([
      lives,
      actors,
      this.bench.routes(peer),
      ofBelieved,
      armed,
      this.#isCommonThere,
      this.#quiets,
      this.#silences,
    ])
  }

  /** The newest life connects, and says all: then what it wants is there, and nothing else. */
  settle(): string | undefined {
    const newest = this.#newest
    if (newest === undefined) return undefined
    for (const { connections } of this.lives) for (const each of connections) if (!each.isOver) this.#cut(each)
    this.#connect(newest)
    while (newest.connections.at(-1)!.messages.length > 0) this.#arrive(newest, newest.connections.length - 1)
    this.#pass(quietMs)
    this.#pass(startMs)
    this.#beat(newest, newest.connections.length - 1)
    const routes = this.bench.routes(peer)
    const wanted = [...wants[this.lives.length - 1]!].toSorted()
    if (this.#broken !== undefined) return this.#broken
    return routes.join() === wanted.join() ? undefined : `the newest life wants ${wanted.join()}, not ${routes.join()}`
  }
}

const to = { properties: { responseTopic: '$LINK/cluster/resp/cl.a/cl.a', correlationData: Buffer.from('1') } }

export function fencing(scope: FencingScope): System<FencingWorld> {
  return {
    start: () => new FencingWorld(scope),
    actions: (world) => world.actions(),
    perform: (world, action) => world.perform(action),
    key: (world) => world.key(),
    broken: (world) => world.broken(),
    settle: (world) => world.settle(),
  }
}
