/** Ties the alarms to the parts of a node: what is wrong with links, certificates, clocks, and with the coordination. */
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../broker/clock.ts'
import type { Logger } from '../broker/logger.ts'
import type { Server } from '../broker/server.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Config } from '../config/config.ts'
import type { LinkRuntime } from '../link/link-runtime.ts'
import type { PeerCertificates } from '../link/peer-certificates.ts'
import type { LinkStatus } from '../link/status.ts'
import type { Condition } from '../metrics/alarms/alarm.ts'
import { AlarmWatch } from '../metrics/alarms/alarm-watch.ts'
import { ClockOffsets } from '../metrics/alarms/clock-offsets.ts'
import { linkConditions } from '../metrics/alarms/link-conditions.ts'
import { LossConditions } from '../metrics/alarms/loss-conditions.ts'
import {
  certificateConditions,
  type CertificateOutlook,
  clockConditions,
  coordinationCondition,
} from '../metrics/alarms/node-conditions.ts'
import type { LossCounts } from '../metrics/loss-watch.ts'

/** What alarms look at. */
export type NodeForAlarms = {
  readonly config: Config
  readonly broker: Broker
  readonly server: Server
  readonly links: LinkRuntime
  readonly certificates: PeerCertificates
  /** `undefined` for a node that is alone, and before it has joined. */
  readonly cluster: () => Cluster | undefined
  readonly losses: () => ReadonlyMap<string, LossCounts>
  readonly clock: Clock
  readonly log: Logger
}

/** Kind of a question between members. */
const CLOCK_QUESTION = 'clock.now'
/** How often counts of messages that were given up are compared, milliseconds. */
const LOSS_LOOK_MS = 5_000
/** How long an answer is waited for, milliseconds. */
const CLOCK_WAIT_MS = 2_000

export class NodeAlarms {
  readonly watch: AlarmWatch
  readonly clockOffsets: ClockOffsets
  readonly #node: NodeForAlarms
  readonly #losses = new LossConditions()
  #lossesSeenAtMs = Number.NEGATIVE_INFINITY

  constructor(node: NodeForAlarms) {
    this.#node = node
    const { clock, log, broker, cluster, config } = node
    this.clockOffsets = new ClockOffsets({
      clock,
      others: () => cluster()?.all() ?? [],
      ask: async (other) => cluster()?.requests.ask(other, CLOCK_QUESTION, null, CLOCK_WAIT_MS),
    })
    this.watch = new AlarmWatch(
      {
        node: config.node.name,
        clock,
        log,
        conditions: () => this.#conditions(),
        publish: (topic) => broker.publishSystem(topic, 'event'),
      },
      config.alarm,
    )
  }

  /** To be called when the node has connected to its cluster, if it has one. */
  start(): void {
    const { cluster, clock } = this.#node
    cluster()?.requests.serve(CLOCK_QUESTION, async () => clock.nowMs())
    this.watch.start()
    this.clockOffsets.start()
  }

  stop(): void {
    this.watch.stop()
    this.clockOffsets.stop()
  }

  /** Of listeners, and of the peers that links have connected to. */
  *certificateOutlooks(): Iterable<CertificateOutlook> {
    const { server, links, certificates } = this.#node
    for (const { listener, subject, notAfterMs } of server.certificates())
      yield { owner: `listener ${listener}`, subject, notAfterMs }
    certificates.keep(links.statuses().keys())
    for (const link of links.statuses().keys()) {
      const certificate = certificates.of(link)
      if (certificate !== undefined) yield { owner: `peer ${link}`, link, ...certificate }
    }
  }

  *#conditions(): Iterable<Condition> {
    const { links, losses, clock, cluster } = this.#node
    for (const [link, status] of links.statuses()) yield* this.#ofLink(link, status)
    yield* certificateConditions(this.certificateOutlooks(), clock.nowMs())
    // The counts of all links are copied for it.
    if (clock.steadyMs() - this.#lossesSeenAtMs >= LOSS_LOOK_MS) {
      this.#lossesSeenAtMs = clock.steadyMs()
      yield* this.#losses.look(losses(), clock.steadyMs())
    }
    yield* clockConditions(this.clockOffsets.list())
    yield* coordinationCondition(cluster()?.isConnected === false)
  }

  #ofLink(link: string, { state, reasons, planes }: LinkStatus): Condition[] {
    const { links } = this.#node
    const refused = [planes?.routeSync, planes?.inbound].find((plane) => plane?.state === 'refused')
    const outbox = links.outboxAboveMark(link)
    return linkConditions({
      link,
      state,
      reasons,
      peerLeft: planes?.inbound.state === 'left',
      refusal: refused?.reason,
      muteSinceMs: links.muteSinceMs(link),
      fillAboveMark: outbox,
    })
  }
}
