/**
 * The smallest plan that still fails: leaves out steps, flows, subscriptions, clients, links and clusters, first many at once, then
 * fewer, down to one by one; then makes what is left shorter. What is left out changes nothing else, since each part has its own chance.
 */
import type { Plan, PlannedClient, Step } from './plan.ts'

/** Whether it does still what was found, and not something else. */
export type StillFails = (plan: Plan) => Promise<boolean>

/** Each run may take a second, and somebody waits. */
const RUNS_MAX = 120

export async function shrink(plan: Plan, stillFails: StillFails, runsMax = RUNS_MAX): Promise<Plan> {
  const search = new Search(plan, stillFails, runsMax)
  for (let before: Plan | undefined; before !== search.smallest && !search.isOver;) {
    before = search.smallest
    await search.thin(
      (it) => it.steps,
      (it, steps) => ({ ...it, steps }),
    )
    await search.thin(
      (it) => it.clusters,
      (it, clusters) =>
        withClusters(
          it,
          clusters.map(({ name }) => name),
        ),
    )
    await search.thin((it) => it.clients, withClients)
    await search.thin(pairsOf, withPairs)
    await search.thin(partsOf, withParts)
    await search.each((it) => it.clusters.map((_, at) => fewerNodes(it, at)))
    await search.each((it) => it.steps.map((_, at) => shorterStep(it, at)))
    await search.each((it) => it.clients.map((_, at) => fewerMessages(it, at)))
    await search.each((it) => [endSooner(it)])
  }
  return search.smallest
}

class Search {
  smallest: Plan
  readonly #stillFails: StillFails
  #runsLeft: number

  constructor(plan: Plan, stillFails: StillFails, runsMax: number) {
    this.smallest = plan
    this.#stillFails = stillFails
    this.#runsLeft = runsMax
  }

  get isOver(): boolean {
    return this.#runsLeft <= 0
  }

  /** Leaves out half of a list, then a quarter, down to single ones, as long as that fails, too. */
  async thin<Part>(
    of: (plan: Plan) => readonly Part[],
    put: (plan: Plan, parts: readonly Part[]) => Plan,
  ): Promise<void> {
    for (let size = Math.ceil(of(this.smallest).length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let from = 0; from < of(this.smallest).length;) {
        const parts = of(this.smallest)
        const rest = [...parts.slice(0, from), ...parts.slice(from + size)]
        // What comes behind has moved up if it went.
        if (!(await this.#try(put(this.smallest, rest)))) from += size
      }
    }
  }

  /** Tries each change by itself, for as long as it is one. */
  async each(changes: (plan: Plan) => readonly (Plan | undefined)[]): Promise<void> {
    const count = changes(this.smallest).length
    for (let at = 0; at < count;) {
      const changed = changes(this.smallest)[at]
      if (changed === undefined || !(await this.#try(changed))) at += 1
    }
  }

  async #try(plan: Plan): Promise<boolean> {
    if (this.isOver || !isSound(plan)) return false
    this.#runsLeft -= 1
    if (!(await this.#stillFails(plan))) return false
    this.smallest = plan
    return true
  }
}

/** Whether there is anything left to simulate. */
function isSound({ clusters, links }: Plan): boolean {
  return clusters.length >= 1 && (clusters.length === 1 || links.length > 0)
}

// ---- leaving out

function withClusters(plan: Plan, names: readonly string[]): Plan {
  const has = (name: string): boolean => names.includes(name)
  const smaller = {
    ...plan,
    clusters: plan.clusters.filter(({ name }) => has(name)),
    links: plan.links.filter(({ cluster, peer }) => has(cluster) && has(peer)),
    clients: plan.clients.filter(({ cluster }) => has(cluster)),
  }
  return { ...smaller, steps: plan.steps.flatMap((step) => stepWithin(smaller, step)) }
}

function withClients(plan: Plan, clients: readonly PlannedClient[]): Plan {
  const smaller = { ...plan, clients }
  return { ...smaller, steps: plan.steps.flatMap((step) => stepWithin(smaller, step)) }
}

/** Both sides of a link go together. */
function pairsOf({ links }: Plan): string[] {
  return [...new Set(links.map(pairOf))]
}

function pairOf({ cluster, peer }: Plan['links'][number]): string {
  return [cluster, peer].toSorted().join(' ')
}

function withPairs(plan: Plan, pairs: readonly string[]): Plan {
  const smaller = { ...plan, links: plan.links.filter((link) => pairs.includes(pairOf(link))) }
  return { ...smaller, steps: plan.steps.flatMap((step) => stepWithin(smaller, step)) }
}

type ClientPart = { readonly client: string; readonly of: 'subscriptions' | 'publishes'; readonly at: number }

/** What clients do, one by one. */
function partsOf({ clients }: Plan): ClientPart[] {
  return clients.flatMap((client) =>
    (['subscriptions', 'publishes'] as const).flatMap((of) =>
      client[of].map((_, at): ClientPart => ({ client: client.name, of, at })),
    ),
  )
}

function withParts(plan: Plan, parts: readonly ClientPart[]): Plan {
  const keeps = (client: PlannedClient, of: ClientPart['of']) => (_: unknown, at: number) =>
    parts.some((part) => part.client === client.name && part.of === of && part.at === at)
  const clients = plan.clients.map((client) => ({
    ...client,
    subscriptions: client.subscriptions.filter(keeps(client, 'subscriptions')),
    publishes: client.publishes.filter(keeps(client, 'publishes')),
  }))
  return { ...plan, clients }
}

/** The step without whom it names and who is not there any more; none if nobody is left. */
function stepWithin({ clusters, links, clients }: Pick<Plan, 'clusters' | 'links' | 'clients'>, step: Step): Step[] {
  const isCluster = (name: string): boolean => clusters.some((cluster) => cluster.name === name)
  const isClient = (name: string): boolean => clients.some((client) => client.name === name)
  const isNode = (host: string): boolean =>
    clusters.some(({ name, nodes }) => host.startsWith(name) && isBetween(Number(host.slice(name.length)), 1, nodes))
  const isHost = (host: string): boolean => (host.startsWith('client:') ? isClient(host.slice(7)) : isNode(host))
  const { deed } = step
  switch (deed.type) {
    case 'cut':
    case 'reset':
    case 'slow':
    case 'echo': {
      const [from, to] = [deed.from.filter(isHost), deed.to.filter(isHost)]
      return from.length > 0 && to.length > 0 ? [{ ...step, deed: { ...deed, from, to } }] : []
    }
    case 'crash':
    case 'freeze':
    case 'clock':
    case 'disk':
      return isNode(deed.node) ? [step] : []
    case 'coordination_cut': {
      const nodes = deed.nodes.filter(isNode)
      return nodes.length > 0 ? [{ ...step, deed: { ...deed, nodes } }] : []
    }
    case 'coordination_split':
    case 'coordination_server':
    case 'coordination_slow':
    case 'coordination_wipe':
      return isCluster(deed.cluster) ? [step] : []
    case 'link':
    case 'link_misnamed':
      return links.some(({ cluster, peer }) => cluster === deed.cluster && peer === deed.peer) ? [step] : []
    case 'client_drops':
    case 'client_doubles':
    case 'client_away':
    case 'client_trespasses':
      return isClient(deed.client) ? [step] : []
  }
}

function isBetween(number: number, min: number, max: number): boolean {
  return number >= min && number <= max
}

// ---- making shorter

function fewerNodes(plan: Plan, at: number): Plan | undefined {
  const cluster = plan.clusters[at]
  if (cluster === undefined || cluster.nodes === 1) return undefined
  const clusters = plan.clusters.with(at, { ...cluster, nodes: cluster.nodes - 1 })
  const clients = plan.clients.map((client) =>
    client.cluster === cluster.name ? { ...client, node: Math.min(client.node, cluster.nodes - 2) } : client,
  )
  const smaller = { ...plan, clusters, clients }
  return { ...smaller, steps: plan.steps.flatMap((step) => stepWithin(smaller, step)) }
}

function shorterStep(plan: Plan, at: number): Plan | undefined {
  const step = plan.steps[at]
  if (step === undefined || step.lastsMs < 100) return undefined
  return { ...plan, steps: plan.steps.with(at, { ...step, lastsMs: Math.round(step.lastsMs / 2) }) }
}

function fewerMessages(plan: Plan, at: number): Plan | undefined {
  const client = plan.clients[at]
  if (client === undefined || client.publishes.every(({ count }) => count <= 1)) return undefined
  const publishes = client.publishes.map((flow) => ({ ...flow, count: Math.ceil(flow.count / 2) }))
  return { ...plan, clients: plan.clients.with(at, { ...client, publishes }) }
}

/** Nothing happens any more, but the plan goes on. */
function endSooner(plan: Plan): Plan | undefined {
  const ends = [
    ...plan.steps.map(({ atMs, lastsMs }) => atMs + lastsMs),
    ...plan.clients.flatMap(({ publishes }) => publishes.map((flow) => flow.fromMs + flow.everyMs * flow.count)),
    ...plan.clients.flatMap(({ subscriptions }) => subscriptions.map(({ fromMs, untilMs }) => untilMs ?? fromMs)),
  ]
  const quietMs = Math.max(...ends, 5_000) + 1_000
  return quietMs < plan.quietMs ? { ...plan, quietMs } : undefined
}
