/** The end of a native link that tells what it wants, as made up for a gate on a bench. */
import assert from 'node:assert/strict'
import { decodeRouteMessage, encodeRouteMessage } from '../../../src/link/emqx/route-ops.ts'
import { decodeRouteAnswer, encodeRouteGreeting, ourRouteGreeting } from '../../../src/link/native/route-greeting.ts'
import { LinkRoutes } from '../../../src/routes/link-routes.ts'
import { decodeRouteFrame, encodeRouteFrame, type RouteFrame } from '../../../src/routes/route-frames.ts'
import { RouteSource } from '../../../src/routes/route-source.ts'
import type { HashKey } from '../../../src/topics/keyed-hash.ts'
import { type BenchClient, type GateBench, publishOf } from './gate-bench.ts'

export const peer = 'cl.a'
export const actor = 'cl.a'
export const routeTopic = `$LINK/cluster/route/${peer}`
export const answerTopic = `$LINK/cluster/resp/${peer}/${actor}`

/** One life of the peer's speaker. */
export class Speaker {
  readonly incarnation: number
  readonly source = new RouteSource(['#'])
  routes: LinkRoutes | undefined
  #hashKey: HashKey | undefined
  /** Entries that were told, of changes too. */
  told = 0

  constructor(incarnation: number, interest: readonly string[]) {
    this.incarnation = incarnation
    for (const topicFilter of interest) this.source.add(topicFilter)
  }

  /** Introduces itself on a new connection. Returns what the gate answers to the greeting. */
  async connect(bench: GateBench, client: BenchClient, settle: () => void = () => {}): Promise<string | undefined> {
    const self = { node: 'a1@127.0.0.1', boot: '0a' }
    const greeting = ourRouteGreeting(peer, self, { frameBytesMax: 90_000, hashKey: this.#hashKey })
    const init = { type: 'actor_init', actor, incarnation: this.incarnation, targetCluster: 'cl.b' } as const
    const payload = encodeRouteMessage({ ...init, protocolVersion: 1, greeting: encodeRouteGreeting(greeting) })
    const properties = { responseTopic: answerTopic, correlationData: Buffer.from('1') }
    bench.gate.publish(client, publishOf(routeTopic, payload, { properties }))
    await Promise.resolve()
    settle()
    const ack = decodeRouteMessage(client.sent.shift()?.payload ?? Buffer.alloc(0))
    assert.ok(ack.type === 'actor_init_ack' && ack.result === 'ok')
    const answer = decodeRouteAnswer(ack.greeting)
    this.#hashKey = answer?.hashKey
    if (this.#hashKey !== undefined && this.routes === undefined) {
      const { source, incarnation } = this
      this.routes = new LinkRoutes({ source, cluster: peer, incarnation, hashKey: this.#hashKey })
    }
    return ack.greeting
  }

  say(bench: GateBench, client: BenchClient, frame: RouteFrame): void {
    if ('keys' in frame) this.told += frame.keys.length
    bench.gate.publish(client, publishOf(routeTopic, encodeRouteFrame(frame)))
  }

  /** Says what there is, and answers until nothing more is asked. `look` is called after each word. */
  talk(bench: GateBench, client: BenchClient, look: () => void = () => {}): void {
    const { routes } = this
    assert.ok(routes)
    while (routes.isBusy) routes.work(1_000)
    routes.skipUnsent()
    this.say(bench, client, routes.heartbeat())
    for (let turn = 0; turn < 2_000; turn += 1) {
      look()
      bench.clock.pass(0)
      const asked = client.sent.shift()
      if (asked === undefined && bench.clock.armed <= 1) break
      const frame = asked === undefined ? undefined : decodeRouteFrame(asked.payload, peer)
      if (frame?.type === 'confirm') routes.confirm(frame)
      if (frame?.type !== 'since' && frame?.type !== 'pull') continue
      const answer = routes.answer(frame)
      if (answer !== undefined) this.say(bench, client, answer)
    }
    look()
  }
}
