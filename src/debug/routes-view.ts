/**
 * The broker's table of routes, for people: who gets a topic and why, and page by page what there is. Neither keeps the broker
 * from its work: the index is asked, and longer walks are cut into slices between which the event loop goes on.
 */
import { type Delivery, type Destination, reservedNamespace } from '../broker/sessions/subscription.ts'
import { startsWithDollar, topicNameProblem } from '../topics/topic-filter.ts'
import type { TopicIndex } from '../topics/topic-index.ts'
import type {
  DestinationRow,
  LinksPort,
  MatchRow,
  RoutePage,
  RouteQuery,
  RouteRow,
  RoutesPort,
  TopicMatch,
} from './debug-port.ts'

export type RoutesViewPorts = {
  readonly index: Pick<
    TopicIndex<Destination, Delivery>,
    'filterCount' | 'filtersMatching' | 'scan' | 'someDestinations'
  >
  readonly links: Pick<LinksPort, 'links'>
  readonly steadyMs: () => number
  /** Calls after the event loop has done what else there is to do. */
  readonly defer: (call: () => void) => void
}

/** A millisecond or two: looking at a place takes less than a microsecond, spelling the filter in it included. */
const placesPerSlice = 2_000
/** After so long a page ends where it is, however few routes were found. */
const pageMsMax = 50
/** Of a route in a list. */
const destinationsListed = 5
/** Of one filter that matches, so many destinations are looked at: one topic may have a million subscribers. */
const destinationsLookedAt = 10_000
const filtersPerSlice = 500

export class RoutesView implements RoutesPort {
  readonly #ports: RoutesViewPorts

  constructor(ports: RoutesViewPorts) {
    this.#ports = ports
  }

  async match(topic: string, limit: number): Promise<TopicMatch | undefined> {
    if (topicNameProblem(topic) !== undefined) return undefined
    const { index } = this.#ports
    const found: MatchRow[] = []
    const links = new Set<string>()
    let total = 0
    for (const [at, topicFilter] of index.filtersMatching(topic).entries()) {
      if (at > 0 && at % filtersPerSlice === 0) await this.#turn()
      const destinations = index.someDestinations(topicFilter, destinationsLookedAt)
      total += destinations.total
      for (const destination of destinations.first) {
        const row = rowOf(destination)
        if (row.type === 'link') links.add(row.link)
        if (found.length < limit) found.push({ ...row, topicFilter, because: becauseOf(row, topicFilter) })
      }
    }
    return { topic, total, destinations: found, others: this.#others(links), notes: this.#notes(topic, total, links) }
  }

  async list({ cursor, limit, text }: RouteQuery): Promise<RoutePage> {
    const { index, steadyMs } = this.#ports
    const endMs = steadyMs() + pageMsMax
    const routes: RouteRow[] = []
    let place: number | undefined = cursor
    for (let looked = 0; place !== undefined && routes.length < limit;) {
      // No more places than there is room for routes: the next page begins just behind the last one.
      const placesMax = Math.min(limit - routes.length, placesPerSlice - looked)
      const step = index.scan(place, placesMax)
      for (const filter of step.filters) {
        if (text === undefined || filter.includes(text)) routes.push(this.#route(filter))
      }
      place = step.next
      looked += placesMax
      if (looked < placesPerSlice) continue
      if (steadyMs() >= endMs) break
      await this.#turn()
      looked = 0
    }
    return { routes, cursor: place ?? null, total: index.filterCount }
  }

  #route(topicFilter: string): RouteRow {
    const { total, first } = this.#ports.index.someDestinations(topicFilter, destinationsListed)
    return { topicFilter, total, destinations: first.map(rowOf) }
  }

  #others(reached: ReadonlySet<string>): TopicMatch['others'] {
    return this.#ports.links
      .links()
      .filter(({ name }) => !reached.has(name))
      .map(({ name, state, routes }) => {
        if (state === 'stopped') return { type: 'link', link: name, because: 'the link is disabled' }
        const because = routes.peers === 0 ? 'the peer wants nothing' : `none of its ${routes.peers} routes matches`
        return { type: 'link', link: name, because }
      })
  }

  #notes(topic: string, total: number, links: ReadonlySet<string>): string[] {
    const namespace = reservedNamespace(topic)
    return [
      ...(total === 0 ? ['nobody wants it'] : []),
      ...(namespace === 'link'
        ? ['$LINK/ is where peers speak to this node: nothing there is delivered to clients']
        : []),
      ...(namespace === 'sys' ? ['$SYS/ is the node’s own: what clients publish there goes to nobody'] : []),
      ...this.#dollarNotes(topic),
      ...(links.size > 0 ? ['a message that came over a link goes over no other one'] : []),
    ]
  }

  /** [MQTT-4.7.2-1] */
  #dollarNotes(topic: string): string[] {
    if (!startsWithDollar(topic)) return []
    const matching = new Set(this.#ports.index.filtersMatching(topic))
    const [first, ...more] = this.#ports.index.filtersMatching(topic, false).filter((filter) => !matching.has(filter))
    if (first === undefined) return []
    const which = more.length === 0 ? first : `${first} and ${more.length} more`
    return [`not for ${which}: what begins with a wildcard matches no topic that begins with $`]
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#ports.defer(resolve))
  }
}

/** As the broker's sinks are called that belong to links. */
const linkSink = 'link:'

function rowOf(destination: Destination): DestinationRow {
  switch (destination.kind) {
    case 'subscription': {
      const { session, name, qos, noLocal } = destination
      const connected = session.outlet !== undefined
      return { type: 'session', clientId: session.clientId, subscription: name, qos, noLocal, connected }
    }
    case 'group': {
      const { shareName, members, isSpread } = destination
      return { type: 'group', share: shareName, members: members.length, isSpread }
    }
    case 'sink': {
      const { id } = destination.sink
      return { type: 'link', link: id.startsWith(linkSink) ? id.slice(linkSink.length) : id }
    }
    case 'member':
      return { type: 'member', node: destination.node }
  }
}

function becauseOf(row: DestinationRow, topicFilter: string): string {
  switch (row.type) {
    case 'session': {
      const own = row.noLocal ? '; not what it published itself' : ''
      return `subscribed to ${row.subscription}${own}${row.connected ? '' : '; its client is away'}`
    }
    case 'group': {
      const where = row.isSpread ? ` here, or one of those on other nodes,` : ''
      return `one of the ${row.members} members of $share/${row.share}/${topicFilter}${where} gets it`
    }
    case 'link':
      return `the peer wants ${topicFilter}`
    case 'member':
      return `clients of that node want ${topicFilter}`
  }
}
