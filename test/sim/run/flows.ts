/** The clients of a plan: they come at the beginning, and subscribe and publish when the plan says. */
import type { History } from '../clients/history.ts'
import { SimulatedClient } from '../clients/simulated-client.ts'
import type { ClientServer } from '../clients/wire.ts'
import type { Plan, PlannedClient, PlannedPublishes } from '../plan/plan.ts'
import { clientDial } from '../world/client-wire.ts'
import { MQTT_PORT } from '../world/simulated-node.ts'
import type { World } from '../world/world.ts'

/** For `cut` and its like. */
export function clientHost(name: string): string {
  return `client:${name}`
}

export class Flows {
  readonly clients = new Map<string, SimulatedClient>()
  readonly #world: World
  /** What is still to be published. */
  #open = 0

  constructor(plan: Plan, world: World, history: History) {
    this.#world = world
    const ports = { clock: world.time, random: world.random.fork('clients'), dial: clientDial(world.network), history }
    for (const planned of plan.clients) this.clients.set(planned.name, this.#client(planned, ports))
  }

  /** Everything was published that is planned, and its publishers were told. */
  get isDone(): boolean {
    return this.#open === 0 && [...this.clients.values()].every(({ open }) => open === 0)
  }

  #client(planned: PlannedClient, ports: ConstructorParameters<typeof SimulatedClient>[1]): SimulatedClient {
    const { name, cluster, node, version, expirySeconds, subscriptions, publishes } = planned
    const terms = { clientId: name, cluster, host: clientHost(name), version, sessionExpirySeconds: expirySeconds }
    const client = new SimulatedClient(terms, ports, serversOfCluster(this.#world, cluster), node)
    const { time } = this.#world
    time.after(0, () => client.connect())
    for (const { filter, qos, fromMs, untilMs } of subscriptions) {
      time.after(fromMs, () => client.subscribe({ filter, qos }))
      if (untilMs !== null) time.after(untilMs, () => client.unsubscribe(filter))
    }
    for (const flow of publishes) this.#publish(client, flow)
    return client
  }

  #publish(client: SimulatedClient, flow: PlannedPublishes): void {
    const { topic, qos, retain, payloadBytes, expirySeconds, fromMs, everyMs, count } = flow
    const terms = {
      topic,
      qos,
      retain,
      bytes: payloadBytes,
      ...(expirySeconds === null ? {} : { expirySeconds }),
    }
    this.#open += count
    const next = (left: number): void => {
      this.#open -= 1
      client.publish(terms)
      if (left > 1) this.#world.time.after(everyMs, () => next(left - 1))
    }
    if (count > 0) this.#world.time.after(fromMs, () => next(count))
  }
}

function serversOfCluster(world: World, cluster: string): ClientServer[] {
  const nodes = world.clusters.get(cluster)?.nodes ?? []
  return nodes.map(({ host }) => ({ node: host, host, port: MQTT_PORT }))
}
