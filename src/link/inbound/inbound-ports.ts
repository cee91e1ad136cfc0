/** What the accepting side of links needs from the rest of the node. */
import type { KeptMarks } from '../../lanes/high-water-marks.ts'
import type { InboundLedgerSnapshot } from '../../lanes/inbound-ledger.ts'
import type { LinkConfig } from '../../config/config.ts'
import type { RoutePair } from '../../routes/actor-routes.ts'
import type { ReplicaWatcher } from '../../routes/replica.ts'
import type { BrokerPort } from '../broker-port.ts'
import type { Account, Enquiry } from '../enquiry.ts'
import type { ProbedLinks } from '../probe/probed-links.ts'
import type { PeerSink } from '../retained/peer-sink.ts'
import type { MarkSharing } from './mark-sharing.ts'
import type { Sharing } from './sharing-port.ts'

/** Where the messages of durable links stand, over restarts. */
export interface InboundLedgers {
  /** What stood on the disk when the node started; only once. */
  claimInbound(link: string): Partial<InboundLedgerSnapshot> | undefined
  /** From now on this is on the disk. */
  keepInbound(link: string, read: () => InboundLedgerSnapshot): void
  /** It is not on the disk any more. */
  forgetInbound(link: string): void
}

/** What one peer wants, over restarts. */
export interface KeptRoutes extends ReplicaWatcher {
  /** From now on this is on the disk, and what was found there is to be restored. To be called before it watches. */
  keep(source: RoutesToKeep): void
  /** What was found, piece by piece. To be read to the end: nothing is written before. */
  restore(): Iterable<{ readonly actor: string; readonly pairs: readonly RoutePair[] }>
  /** Nothing of it is on the disk any more. */
  forget(): void
}

/** `Replica` satisfies it. */
export interface RoutesToKeep {
  /** What of a bucket an actor wants now. */
  pairsIn(actor: string, bucket: number): readonly RoutePair[]
}

/** What was taken of the nodes of durable links' peers, over restarts. */
export interface InboundMarks {
  /** What stood on the disk when the node started; only once. */
  claim(link: string, node: string): KeptMarks | undefined
  /** From now on this is on the disk, with what it brought: as of when it was touched last, or a moment before. */
  keep(link: string, node: string, source: MarksToKeep): KeptSender
  /** Nothing of it is on the disk any more. @param node left out: of no node of the link */
  forget(link: string, node?: string): void
}

export interface KeptSender {
  /** Something was taken. */
  touch(): void
}

/** `SenderMarks` satisfies it. */
export interface MarksToKeep {
  /** All that is taken up to now. */
  kept(): KeptMarks
}

export type InboundPorts = {
  readonly localCluster: string
  /** This process, for peers of our kind; left out, there are none. */
  readonly self?: { readonly node: string; readonly boot: string }
  /** Leases are measured with it: best one that is never set back. */
  readonly clock: { nowMs(): number; after(ms: number, call: () => void): { cancel(): void } }
  readonly broker: Pick<BrokerPort, 'addRoute' | 'removeRoute' | 'deliver'>
  /** The link to this peer as it is configured now. */
  readonly link: (peer: string) => LinkConfig | undefined
  /** The outbox in which messages for the peer gather; `undefined` while there is none. */
  readonly sinkOf: (peer: string) => PeerSink | undefined
  /** How large a term may become when it is inflated, bytes: as large as a packet. Left out, as large as one is by default. */
  readonly termBytesMax?: () => number
  /** With the other nodes of the cluster; left out for a node alone. */
  readonly sharing?: Sharing
  /** The same for what peers of our kind send. */
  readonly marks?: MarkSharing
  /** `undefined` where there is no store. */
  readonly ledgers?: () => InboundLedgers | undefined
  /** What the peers of durable links want, over restarts; `undefined` where there is no store. */
  readonly routes?: () => { routesOf(link: string): KeptRoutes } | undefined
  /** The same for what was taken of them. */
  readonly keptMarks?: () => InboundMarks | undefined
  /** Whom probes of peers concern; left out, they are acknowledged and nothing more. */
  readonly probed?: () => ProbedLinks
  /** What we tell a peer that examines its link to us; left out, nothing. */
  readonly account?: (peer: string, enquiry: Enquiry) => Promise<Account>
  /** Names of all links that are configured. With `sharing`: what their peers want is followed before they come to this node. */
  readonly links?: () => Iterable<string>
  readonly log: Record<'debug' | 'info' | 'warn', (fields: object, event: string) => void>
  /** What `inboundStatus(peer)` says may have changed, other than by messages. */
  readonly changed: (peer: string) => void
  /** The peer has greeted us in our own dialect, and is answered. */
  readonly heardNative?: (peer: string) => void
}
