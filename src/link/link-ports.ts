/** What each link of a node needs of the node. */
import type { BrokerPort, OwnRetained } from './broker-port.ts'
import type { Random } from './backoff.ts'
import type { LinkClock } from './link-clock.ts'
import type { LinkLog } from './link-log.ts'
import type { ProbeTerms } from './probe/silence.ts'
import type { Speaking } from './speaking.ts'
import type { CrossingTraces } from './traces-port.ts'

export type LinkPorts = {
  readonly broker: Pick<BrokerPort, 'interest' | 'onInterest'>
  /** What peers are told of under routes that appear, with `retained = sync`. Left out, there is nothing to tell. */
  readonly retained?: OwnRetained
  readonly clock: LinkClock
  readonly random: Random
  readonly log: LinkLog
  readonly nodeName: string
  readonly clusterName: string
  /** Of this process, by which our like tells it from a former one. Left out, we greet nobody. */
  readonly boot?: string
  /** How peers are to know the source of our routes: by one name, whichever node of a cluster speaks. `nodeName`, if nothing else is given. */
  readonly actorName?: string
  /**
   * A number above all that were given for this peer before, also by earlier processes (`nextIncarnation`). Asked of a node alone: in a
   * cluster it comes with the right to speak.
   */
  readonly nextIncarnation: (peer: string) => number
  /** Who of the cluster tells a peer what all want. Left out for a node alone, which speaks always. */
  readonly speaking?: Speaking
  /** Who follows messages; asked when a link begins. Left out, or `undefined`, nobody does. */
  readonly traces?: () => CrossingTraces | undefined
  /** How links are probed (`defaultProbeTerms`); left out, they are not. */
  readonly probe?: ProbeTerms
}
