import type { RouteSink } from '../broker-port.ts'

/** The outbox of a link. It hears of the peer's routes, too, if the peer is to be told what was retained under them before. */
export interface PeerSink extends RouteSink {
  routeAdded?(topicFilter: string): void
  routeRemoved?(topicFilter: string): void
}
