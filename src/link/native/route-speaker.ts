/**
 * Tells a native peer what we want, after the handshake: says what there is, answers what its copy asks for, passes changes on, and
 * hears its word that nothing is lacking. When to do which is the route-sync actor's to say.
 */
import type { RouteSyncEvent } from '../../../actors/route-sync.ts'
import type { LinkRoutes } from '../../routes/link-routes.ts'
import type { MapQuestion } from '../../routes/map-protocol.ts'
import {
  decodeRouteFrame,
  encodeRouteFrame,
  linkClaim,
  type GoodbyeReason,
  type RouteConfirm,
  type RouteStatement,
} from '../../routes/route-frames.ts'
import type { HashKey } from '../../topics/keyed-hash.ts'
import type { LinkClock } from '../link-clock.ts'
import { malformedPacket, routesRefused } from '../link-failure.ts'
import type { RouteLife } from '../route-life.ts'

export type NativeRoutePorts = {
  readonly clock: LinkClock
  readonly send: (frame: Buffer, qos: 0 | 1, answered?: (reasonCode: number) => void) => void
  /** More can be written without piling up. */
  readonly isWritable: () => boolean
  /** That the actor lives, while there is nothing to say of its routes yet. */
  readonly sayAlive: () => void
  readonly report: (event: RouteSyncEvent) => void
}

export type NativeRouteTerms = {
  /** Ours, whose routes they are. */
  readonly cluster: string
  readonly hashKey: HashKey
}

/** The longest frame: digests of all buckets, or a topic filter as long as can be and what stands around it. */
export const nativeFrameBytesMax = 81_920
/** Questions of a peer that wait for their answers. It asks for a few pieces at a time. */
const questionsMax = 32

export class NativeRouteSpeaker {
  readonly #ports: NativeRoutePorts
  readonly #life: RouteLife
  readonly #terms: NativeRouteTerms
  /** In the order in which they came; each turn of the event loop answers one. */
  readonly #asked: MapQuestion[] = []
  #timer: { cancel(): void } | undefined
  /** Entries that the peer asked for since it last had all. */
  #told = 0
  #isPrepared = false
  #isClosed = false

  constructor(ports: NativeRoutePorts, life: RouteLife, terms: NativeRouteTerms) {
    this.#ports = ports
    this.#life = life
    this.#terms = terms
  }

  get hasChanges(): boolean {
    return this.#routes?.hasUnsent === true
  }

  /** Says what there is as soon as that is known. */
  begin(): void {
    this.#life.beginNative(this.#terms.hashKey, () => {
      if (!this.#isClosed) this.#prepared()
    })
  }

  heartbeat(): void {
    const routes = this.#routes
    if (routes === undefined) return this.#ports.sayAlive()
    this.#sayChanges(routes)
    this.#say(routes.heartbeat(), 0)
  }

  sendBatch(): void {
    const { report } = this.#ports
    const routes = this.#routes
    const delta = routes?.takeUnsent()
    if (routes === undefined || delta === undefined) return report({ type: 'batch_acked', ops: 0, pending: 0 })
    this.#say(delta, 1, (reasonCode) => {
      if (reasonCode >= 0x80) report({ type: 'batch_refused', failure: routesRefused(reasonCode) })
      else report({ type: 'batch_acked', ops: 0, pending: routes.hasUnsent ? 1 : 0 })
    })
  }

  /** Something came on the topic of answers. */
  hear(payload: Buffer): void {
    const { cluster } = this.#terms
    const frame = decodeRouteFrame(payload, cluster)
    switch (frame.type) {
      case 'malformed':
        return this.#ports.report({ type: 'disconnected', failure: malformedPacket(frame.reason) })
      case 'since':
      case 'pull':
        if (this.#asked.length < questionsMax) this.#asked.push(frame)
        return this.answerLater()
      case 'confirm':
        return this.#confirmed(frame)
      case 'heartbeat':
      case 'delta':
      case 'digests':
      case 'piece':
      case 'goodbye':
      default:
        return this.#ports.report({ type: 'disconnected', failure: malformedPacket(`${frame.type} for an answer`) })
    }
  }

  /** Nothing is wanted any more. @param answered the peer knows */
  goodbye(reason: GoodbyeReason, answered: () => void): void {
    const claim = linkClaim(this.#terms.cluster, this.#life.incarnation)
    this.#say({ type: 'goodbye', claim, reason }, 1, answered)
  }

  /** One answer a turn, and none while the connection takes no more: then `drained` calls again. */
  answerLater(): void {
    if (this.#timer !== undefined || this.#asked.length === 0 || this.#isClosed || !this.#ports.isWritable()) return
    this.#timer = this.#ports.clock.after(0, () => {
      this.#timer = undefined
      this.#answer()
      this.answerLater()
    })
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#routes?.disconnected()
  }

  /** What may be spoken of. */
  get #routes(): LinkRoutes | undefined {
    return this.#isPrepared ? this.#life.told : undefined
  }

  #prepared(): void {
    this.#isPrepared = true
    const routes = this.#routes
    if (routes === undefined) return
    // A connection begins with what there is; whoever lacks the last changes asks for them.
    routes.skipUnsent()
    this.#say(routes.heartbeat(), 0)
    this.#ports.report({ type: 'routes_prepared' })
  }

  #answer(): void {
    const question = this.#asked.shift()
    const routes = this.#routes
    if (routes === undefined || question === undefined) return
    this.#sayChanges(routes)
    const answer = routes.answer(question)
    if (answer === undefined) return
    this.#say(answer, 1)
    if (answer.type === 'piece' || answer.type === 'delta') this.#told += answer.keys.length
    this.#ports.report({ type: 'routes_asked', progress: { told: this.#told, total: routes.size } })
  }

  #confirmed(confirm: RouteConfirm): void {
    const routes = this.#routes
    routes?.confirm(confirm)
    if (routes?.confirmed?.seq !== confirm.seq) return
    this.#told = 0
    this.#ports.report({ type: 'routes_confirmed' })
  }

  /** They go before everything else: who hears of a later change first, asks for those before it. */
  #sayChanges(routes: LinkRoutes): void {
    for (let delta = routes.takeUnsent(); delta !== undefined; delta = routes.takeUnsent()) this.#say(delta, 1)
  }

  #say(statement: RouteStatement, qos: 0 | 1, answered?: (reasonCode: number) => void): void {
    this.#ports.send(encodeRouteFrame(statement), qos, answered)
  }
}
