/** A broker of this process on a port of its own, for one test. */
import type { TestContext } from 'node:test'
import type { IConnectPacket, ISubscription } from 'mqtt-packet'
import { Broker } from '../../src/broker/broker.ts'
import type { Logger } from '../../src/broker/logger.ts'
import { systemClock, type Clock } from '../../src/broker/clock.ts'
import { Server } from '../../src/broker/server.ts'
import type { MqttConfig } from '../../src/config/config.ts'
import { listenerOf } from './listener-of.ts'
import { type PacketOf, RawClient, type Version } from './raw-client.ts'

/** The defaults of the configuration file, with limits that a test can reach. */
export const mqttDefaults: MqttConfig = {
  max_packet_size: 1_048_576,
  max_inflight: 32,
  max_mqueue_len: 1000,
  max_mqueue_bytes: Number.POSITIVE_INFINITY,
  mqueue_store_qos0: true,
  max_awaiting_rel: 100,
  max_topic_alias: 10,
  max_topic_levels: 128,
  max_subscriptions: Number.POSITIVE_INFINITY,
  max_clientid_len: 65_535,
  max_qos_allowed: 2,
  retain_available: true,
  wildcard_subscription: true,
  shared_subscription: true,
  payload_format_validation: false,
  response_information: '',
  session_expiry_interval: 7_200_000,
  server_keepalive: 'disabled',
  keepalive_multiplier: 1.5,
  idle_timeout: 15_000,
  max_outbound_bytes: 16_777_216,
  shared_subscription_strategy: 'round_robin',
}

export type LogLine = { readonly level: keyof Logger; readonly event: string; readonly fields: object }

export class TestBroker {
  readonly broker: Broker
  readonly server: Server
  readonly address: string
  readonly log: readonly LogLine[]
  readonly #clients: RawClient[] = []

  private constructor(broker: Broker, server: Server, address: string, log: readonly LogLine[]) {
    this.broker = broker
    this.server = server
    this.address = address
    this.log = log
  }

  /** Listens until the test is over. */
  static async start(
    t: TestContext,
    config: Partial<MqttConfig> = {},
    clock: Clock = systemClock,
    random: () => number = Math.random,
  ): Promise<TestBroker> {
    const log: LogLine[] = []
    const write = (level: keyof Logger) => (fields: object, event: string) => void log.push({ level, event, fields })
    const logger = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
    const broker = new Broker({ mqtt: { ...mqttDefaults, ...config }, clock, random, log: logger })
    const server = new Server(broker)
    const address = await server.listen('test', listenerOf('tcp'))
    const started = new TestBroker(broker, server, address, log)
    t.after(() => started.#stop())
    return started
  }

  async #stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.destroy()))
    await this.server.close()
  }

  /** A TCP connection on which nothing has been said yet. */
  async open(version: Version = 5): Promise<RawClient> {
    const client = await RawClient.open(this.address, version)
    this.#clients.push(client)
    return client
  }

  /** A client that is connected. */
  async client(
    clientId: string,
    version: Version = 5,
    options: Partial<IConnectPacket> = {},
  ): Promise<RawClient & { readonly connack: PacketOf<'connack'> }> {
    const client = await this.open(version)
    const connack = await client.connect({ clientId, ...options })
    return Object.assign(client, { connack })
  }

  /** A client that is connected and has these subscriptions, at QoS 2 where only a filter is given. */
  async subscriber(
    clientId: string,
    subscriptions: readonly (string | ISubscription)[],
    version: Version = 5,
    options: Partial<IConnectPacket> = {},
  ): Promise<RawClient> {
    const client = await this.client(clientId, version, options)
    await subscribe(client, ...subscriptions)
    return client
  }

  /** Resolves once the server has seen that so many connections are open. */
  async connections(count: number): Promise<void> {
    while (this.server.connectionCount !== count) await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Subscribes and returns what was granted. */
export async function subscribe(
  client: RawClient,
  ...subscriptions: readonly (string | ISubscription)[]
): Promise<number[]> {
  client.send({
    cmd: 'subscribe',
    messageId: 999,
    subscriptions: subscriptions.map((one) => (typeof one === 'string' ? { topic: one, qos: 2 } : one)),
  })
  const suback = await client.next('suback')
  return suback.granted.map(Number)
}

/** A PUBLISH as `mqtt-packet` writes it. */
export function publish(
  topic: string,
  payload: string | Buffer,
  options: Partial<PacketOf<'publish'>> = {},
): PacketOf<'publish'> {
  return { cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false, ...options }
}
