/**
 * The node's own words under `$SYS/`, as Mosquitto's and EMQX's monitoring expects them. Values are put together when
 * somebody is there to read them: at each interval if there are subscribers, and for each new subscriber.
 */
import type { Broker } from '../broker/broker.ts'
import type { Timer } from '../broker/clock.ts'
import type { SubscriptionOptions } from '../broker/sessions/subscription.ts'
import type { PresentClient, SystemTopic, SystemTopics } from '../broker/system-port.ts'
import type { SysTopicsConfig } from '../config/sys-topics-schema.ts'
import { matches } from '../topics/match.ts'
import { topicNameProblem } from '../topics/topic-filter.ts'
import {
  type ClientEvent,
  connectedPayload,
  disconnectedPayload,
  subscribedPayload,
  unsubscribedPayload,
} from './client-events.ts'
import { emqxMetrics, emqxStats } from './emqx-names.ts'
import { MosquittoTree } from './mosquitto-tree.ts'
import type { NodeFacts } from './node-facts.ts'

/** As often as Mosquitto does by default: load averages and highest values are taken from what is seen then. */
const SAMPLE_MS = 10_000

const DESCRIPTION = 'Isthmus'

export class SysTopics implements SystemTopics {
  readonly #broker: Broker
  readonly #facts: NodeFacts
  readonly #mosquitto: MosquittoTree
  /** What EMQX's topics of this node begin with. */
  readonly #root: string
  #config: SysTopicsConfig
  #timers: Timer[] = []
  #isStarted = false

  constructor(facts: NodeFacts, config: SysTopicsConfig) {
    this.#facts = facts
    this.#broker = facts.broker
    this.#mosquitto = new MosquittoTree(facts)
    this.#root = `$SYS/brokers/${facts.nodeName}`
    this.#config = config
  }

  start(): void {
    this.stop()
    this.#isStarted = true
    if (!this.#config.enable) return
    this.#broker.systemTopics = this
    const { sys_msg_interval, sys_heartbeat_interval } = this.#config
    this.#every(SAMPLE_MS, () => this.#sample())
    this.#every(sys_msg_interval, () => this.#publish(() => [...this.#mosquitto.topics(), ...this.#nodeTopics()]))
    this.#every(sys_heartbeat_interval, () => this.#publish(() => this.#heartbeat()))
  }

  stop(): void {
    this.#isStarted = false
    for (const timer of this.#timers) timer.cancel()
    this.#timers = []
    this.#broker.systemTopics = undefined
  }

  configure(config: SysTopicsConfig): void {
    this.#config = config
    if (this.#isStarted) this.start()
  }

  /** @param ms `Infinity`: never */
  #every(ms: number, work: () => void): void {
    if (!Number.isFinite(ms)) return
    const index = this.#timers.length
    const arm = (): void => {
      this.#timers[index] = this.#broker.clock.after(ms, () => {
        arm()
        work()
      })
    }
    arm()
  }

  #sample(): void {
    this.#facts.look()
    this.#mosquitto.sample()
  }

  #publish(topics: () => Iterable<SystemTopic>): void {
    if (!this.#broker.isSystemWatched) return
    this.#facts.look()
    for (const topic of topics()) this.#broker.publishSystem(topic, 'value')
  }

  // ---- values

  *under(topicFilter: string): Iterable<SystemTopic> {
    this.#facts.look()
    const topics = [...this.#mosquitto.topics(), ...this.#nodeTopics(), ...this.#heartbeat()]
    for (const found of topics) if (matches(found.topic, topicFilter)) yield found
  }

  *#nodeTopics(): Iterable<SystemTopic> {
    const { nodeName, version } = this.#facts
    yield { topic: '$SYS/brokers', payload: nodeName }
    yield { topic: `${this.#root}/version`, payload: version }
    yield { topic: `${this.#root}/sysdescr`, payload: DESCRIPTION }
    for (const { name, read } of emqxStats) {
      const { value, max } = read(this.#facts)
      yield { topic: `${this.#root}/stats/${asTopic(name)}/count`, payload: String(value) }
      yield { topic: `${this.#root}/stats/${asTopic(name)}/max`, payload: String(max) }
    }
    for (const { name, read } of emqxMetrics)
      yield { topic: `${this.#root}/metrics/${asTopic(name)}`, payload: String(read(this.#broker.counters)) }
  }

  *#heartbeat(): Iterable<SystemTopic> {
    yield { topic: `${this.#root}/uptime`, payload: String(this.#facts.uptimeMs) }
    yield { topic: `${this.#root}/datetime`, payload: new Date(this.#broker.clock.nowMs()).toISOString() }
  }

  // ---- events

  connected(client: PresentClient): void {
    if (!this.#tells('client_connected')) return
    this.#tell(client, 'connected', connectedPayload(client, this.#broker.clock.nowMs()))
  }

  disconnected(client: PresentClient, reason: number | undefined): void {
    if (!this.#tells('client_disconnected')) return
    this.#tell(client, 'disconnected', disconnectedPayload(client, reason, this.#broker.clock.nowMs()))
  }

  subscribed(client: PresentClient, name: string, options: SubscriptionOptions, isNew: boolean): void {
    if (!this.#tells('client_subscribed')) return
    const nowMs = this.#broker.clock.nowMs()
    this.#tell(client, 'subscribed', subscribedPayload(client, name, options, isNew, nowMs))
  }

  unsubscribed(client: PresentClient, name: string): void {
    if (!this.#tells('client_unsubscribed')) return
    this.#tell(client, 'unsubscribed', unsubscribedPayload(client, name, this.#broker.clock.nowMs()))
  }

  #tells(event: keyof SysTopicsConfig['sys_event_messages']): boolean {
    return this.#broker.isSystemWatched && this.#config.sys_event_messages[event]
  }

  #tell({ terms }: PresentClient, event: ClientEvent, payload: string): void {
    const topic = `${this.#root}/clients/${terms.clientId}/${event}`
    // A ClientID may hold what no topic name may, and be as long.
    if (topicNameProblem(topic) === undefined) this.#broker.publishSystem({ topic, payload }, 'event')
  }
}

/** EMQX's names have dots, its topics levels. */
function asTopic(name: string): string {
  return name.replaceAll('.', '/')
}
