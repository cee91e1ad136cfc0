/**
 * What goes on all the time: at each node a publisher of all QoS and a reader whose session outlives its connections, some of 3.1.1
 * and some of 5. Each message is numbered, and the account knows who is to have it.
 */
import type { MqttClient } from 'mqtt'
import { Account } from './account.ts'
import { connected, openClient } from './clients.ts'
import type { SoakNode, Stage } from './stage.ts'
import { until } from './until.ts'

export type SteadyLoad = {
  readonly account: Account
  /** Resolves when clients are connected and what they publish from now on has come to all; rejects if that takes longer. */
  settle(withinMs: number): Promise<void>
  /** Publishes nothing more. Resolves when all has come, or after that time with what is missing, in words. */
  finish(withinMs: number): Promise<readonly string[]>
  close(): Promise<void>
}

const SESSION_EXPIRY_S = 3600
const TICK_MS = 50
const LOOK_EVERY_MS = 100
const PROBE_EVERY_MS = 200
const PROBES_MS = 60_000

/** Resolves when to each reader a probe has come from each publisher that it is to hear: then each route is known. */
export async function startSteadyLoad(stage: Stage, perSecond: number): Promise<SteadyLoad> {
  const { nodes } = stage
  const publishersFor = (node: SoakNode): Set<string> => {
    const sources = stage.sourcesOf(node.cluster)
    return new Set(nodes.flatMap(({ name, cluster }) => (sources.has(cluster) ? [name] : [])))
  }
  const account = new Account(nodes.map((node) => ({ name: node.name, publishers: publishersFor(node) })))
  const unproved = nodes.map(publishersFor)
  const readers = nodes.map((node, index) => openReader(node, index, account, unproved[index]!))
  const publishers = nodes.map((node, index) => new Publisher(node, index, account))
  const clients = [...readers, ...publishers.map(({ client }) => client)]
  const close = async (): Promise<void> => {
    await Promise.all(clients.map((client) => client.endAsync(true)))
  }
  try {
    await Promise.all(clients.map(connected))
    await Promise.all(readers.map((reader) => reader.subscribeAsync('load/#', { qos: 2 })))
    const unheard = (): string[] => {
      for (const publisher of publishers) publisher.probe()
      return nodes.flatMap(({ name }, index) =>
        Array.from(unproved[index]!, (publisher) => `no probe of ${publisher} came to ${name}`),
      )
    }
    await until(unheard, { withinMs: PROBES_MS, everyMs: PROBE_EVERY_MS })
  } catch (error) {
    await close()
    throw error
  }
  const away = (): string[] =>
    clients.flatMap(({ connected, options }) => (connected ? [] : [`${options.clientId} is not connected`]))
  const lacking = (): string[] => [...publishers.flatMap((publisher) => publisher.unanswered()), ...account.missing(10)]
  const startedMs = performance.now()
  const timer = setInterval(() => {
    const messages = ((performance.now() - startedMs) / 1000) * (perSecond / publishers.length)
    for (const publisher of publishers) publisher.publishUpTo(messages / QOS.length)
  }, TICK_MS)
  return {
    account,
    settle: async (withinMs) => {
      const next = new Map(publishers.map(({ name, rounds }) => [name, rounds + 1]))
      await until(() => [...away(), ...account.unsettled(next)], { withinMs, everyMs: LOOK_EVERY_MS })
    },
    finish: async (withinMs) => {
      clearInterval(timer)
      await until(lacking, { withinMs, everyMs: LOOK_EVERY_MS }).catch(() => undefined)
      return lacking()
    },
    close: async () => {
      clearInterval(timer)
      await close()
    },
  }
}

const QOS = [0, 1, 2] as const
/**
 * Publishes of one publisher that may wait for their acknowledgement: beyond, it leaves rounds out. After a reconnect MQTT.js sends
 * them again one by one, each when the one before is acknowledged, and on a slow machine would never be done with what comes meanwhile.
 */
const UNACKNOWLEDGED_MAX = 30
const FILLER = 'x'.repeat(160)

class Publisher {
  readonly name: string
  readonly client: MqttClient
  /** Each is a message of each QoS, and its number. */
  rounds = 0
  readonly #topic: string
  readonly #account: Account
  #due = 0
  #waiting = 0

  constructor({ name, mqttPort }: SoakNode, index: number, account: Account) {
    this.name = name
    this.#topic = `load/${name}/reading`
    this.#account = account
    const version = versionOf(index)
    this.client = openClient({
      clientId: `publisher-${name}`,
      port: mqttPort,
      version,
      sessionExpiryS: SESSION_EXPIRY_S,
    })
  }

  probe(): void {
    this.client.publish(this.#topic, `${this.name} probe`, { qos: 0 })
  }

  publishUpTo(rounds: number): void {
    for (; this.#due < rounds; this.#due++) if (this.#waiting < UNACKNOWLEDGED_MAX) this.#publishRound(this.rounds++)
  }

  unanswered(): string[] {
    return this.#waiting === 0 ? [] : [`${this.name}: ${this.#waiting} publishes are not acknowledged`]
  }

  #publishRound(number: number): void {
    for (const qos of QOS) {
      const payload = `${this.name} ${qos} ${number} ${FILLER}`
      // Nobody waits for an answer to QoS 0, which would not come to one that is not connected.
      if (qos === 0) {
        if (this.client.connected) this.client.publish(this.#topic, payload, { qos })
        continue
      }
      this.#waiting++
      this.client.publish(this.#topic, payload, { qos }, (error) => {
        this.#waiting--
        if (error === undefined || error === null) this.#account.acknowledged({ publisher: this.name, qos }, number)
      })
    }
  }
}

/** @param unproved publishers of which nothing has come yet */
function openReader({ name, mqttPort }: SoakNode, index: number, account: Account, unproved: Set<string>): MqttClient {
  const version = versionOf(index + 1)
  const client = openClient({ clientId: `reader-${name}`, port: mqttPort, version, sessionExpiryS: SESSION_EXPIRY_S })
  client.on('message', (_topic, payload) => {
    const [publisher = '', qos, number] = payload.toString().split(' ', 3)
    unproved.delete(publisher)
    if (qos === '1' || qos === '2') account.arrived(name, { publisher, qos: qos === '1' ? 1 : 2 }, Number(number))
  })
  return client
}

function versionOf(index: number): 4 | 5 {
  return index % 2 === 0 ? 5 : 4
}
