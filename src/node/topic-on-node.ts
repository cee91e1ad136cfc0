/** Who wants one topic, as far as the doctor asks: clients of this cluster, and a peer. */
import type { Broker } from '../broker/broker.ts'
import { matches } from '../topics/match.ts'

/** Of one filter that matches, so many destinations are looked at: one topic may have a million subscribers. */
const DESTINATIONS_MAX = 10_000
const FILTERS_PER_TURN = 200
const ROUTES_PER_TURN = 2_000
/** After so long a walk through very many routes ends where it is, milliseconds. */
const WALK_MS_MAX = 1_500

/** The first filter under which somebody in our cluster has subscribed to it; `undefined` if nobody has. */
export function subscriberOf({ index }: Broker, topic: string): Promise<string | undefined> {
  return firstFilter(index.filtersMatching(topic), (filter) =>
    index.someDestinations(filter, DESTINATIONS_MAX).first.some(({ kind }) => kind !== 'sink'),
  )
}

/** The first route of the peer that holds it. */
export function peersRouteOf({ index }: Broker, peer: string, topic: string): Promise<string | undefined> {
  const id = `link:${peer}`
  return firstFilter(index.filtersMatching(topic), (filter) =>
    index
      .someDestinations(filter, DESTINATIONS_MAX)
      .first.some((destination) => destination.kind === 'sink' && destination.sink.id === id),
  )
}

/** The first of these that holds it. @param routes may be very many, and change meanwhile */
export async function routeHolding(
  routes: Iterable<string>,
  topic: string,
  steadyMs: () => number,
): Promise<string | undefined> {
  const endMs = steadyMs() + WALK_MS_MAX
  let looked = 0
  for (const route of routes) {
    if (matches(topic, route)) return route
    looked += 1
    if (looked % ROUTES_PER_TURN !== 0) continue
    if (steadyMs() >= endMs) return undefined
    await nextTurn()
  }
  return undefined
}

async function firstFilter(filters: readonly string[], fits: (filter: string) => boolean): Promise<string | undefined> {
  for (const [at, filter] of filters.entries()) {
    if (fits(filter)) return filter
    if (at % FILTERS_PER_TURN === FILTERS_PER_TURN - 1) await nextTurn()
  }
  return undefined
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
