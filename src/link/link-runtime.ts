/**
 * The outbound half of all links of a node: makes what runs equal to what is configured, and says how each link is.
 * Without a link nothing runs, listens or ticks here.
 */
import { randomBytes } from 'node:crypto'
import type { ChildChanged } from '../../actors/child.ts'
import type { LinkEvent } from '../../actors/link.ts'
import type { LinkConfig } from '../config/config.ts'
import type { LedgerSnapshot } from '../lanes/ledger.ts'
import type { Message } from '../packets/message.ts'
import { nextIncarnation } from '../routes/incarnation.ts'
import { TransitionHistory, type Transition } from '../transitions/transition-history.ts'
import type { PeerSink } from './retained/peer-sink.ts'
import type { RetainedProgress } from './retained/retained-teller.ts'
import { type LinkTraffic, openConnection, type OpenConnection } from './connection.ts'
import type { DurableLinks } from './durable/durable-links.ts'
import { encodeLinkMessage, messageId } from './emqx/link-message.ts'
import { LinkActors } from './link-actors.ts'
import type { LinkClock } from './link-clock.ts'
import type { LinkPorts } from './link-ports.ts'
import type { SenderView } from './link-sender.ts'
import { LinkShell } from './link-shell.ts'
import type { LaneStanding } from '../lanes/outbox/outbox.ts'
import type { PeekedMessage } from '../lanes/outbox/peek.ts'
import { AwaitedPauses, type Pause } from './pause.ts'
import { encodeProbeFrame, type ProbeAnswer } from './probe/probe-frame.ts'
import type { ProbedLinks } from './probe/probed-links.ts'
import type { LinkLatency, Probe, ProbeResult } from './probe/probe-view.ts'
import { reconcile, type LinkStep } from './reconciler.ts'
import { levelOf } from './status-news.ts'
import {
  failedStatus,
  restartingStatus,
  sameStatus,
  slotAwaitedStatus,
  stoppedStatus,
  type InboundFact,
  type LinkStatus,
} from './status.ts'

export type LinkRuntimePorts = LinkPorts & {
  /** This node's number in its cluster, for ClientIDs. With `speaking` and without a slot links wait for `setSlot`. */
  readonly slot?: number
  /** The status of a link is another one now. */
  readonly onStatus?: (peer: string, status: LinkStatus) => void
  /** Connections over sockets, if nothing else is given. */
  readonly open?: OpenConnection
  /** 16 hexadecimal digits, different each time. */
  readonly correlation?: () => string
  /** A message as the peer is to get it: EMQX's term, if nothing else is given. */
  readonly encode?: (message: Message) => Buffer
  /** A number above all that were given before, also by earlier processes: for outboxes. By the wall clock, if nothing else is given. */
  readonly outboxEpoch?: () => number
  /** What links keep beyond the process; asked when a link begins. Left out, none keeps anything. */
  readonly durable?: () => Pick<DurableLinks, 'link' | 'settle'> | undefined
  /** Calls after what the event loop has at hand: `setImmediate`, if nothing else is given. */
  readonly defer?: (call: () => void) => void
  /** Where the actors of links are seen among those of the node; one of their own, if nothing else is given. */
  readonly history?: TransitionHistory
}

/** Links that are made or changed in one turn of the event loop: some ten milliseconds. */
const STEPS_PER_TURN = 40

type Standing = { readonly shell: LinkShell; started: boolean; status: LinkStatus }

export class LinkRuntime implements ProbedLinks {
  readonly #ports: LinkRuntimePorts
  readonly #effects: Required<Pick<LinkRuntimePorts, 'open' | 'correlation' | 'encode' | 'defer'>>
  readonly #links = new Map<string, Standing>()
  readonly #history: TransitionHistory
  /** What peers are told of the broker's. */
  readonly #interest: LinkRuntimePorts['broker']
  #desired: readonly LinkConfig[] = []
  #steps: readonly LinkStep[] = []
  #reconciled: Promise<void> = Promise.resolve()
  readonly #actors: LinkActors
  #slot: number | undefined
  #coordinationLost = false
  readonly #awaitedPauses: AwaitedPauses
  /** Of the outbox that was made last. */
  #outboxEpoch = 0
  #isEnding = false
  #stopped = false

  constructor(ports: LinkRuntimePorts) {
    this.#ports = ports
    this.#interest = {
      interest: () => ports.broker.interest(),
      onInterest: (listener) =>
        ports.broker.onInterest((change) => {
          if (!this.#isEnding || change.type === 'added') listener(change)
        }),
    }
    this.#slot = ports.slot
    this.#effects = {
      open: openConnection,
      correlation: () => randomBytes(8).toString('hex'),
      encode: emqxEncoder(ports.clock),
      defer: setImmediate,
    }
    const { clock, random } = ports
    this.#awaitedPauses = new AwaitedPauses(() => clock.steadyMs())
    this.#history = ports.history ?? new TransitionHistory(() => clock.nowMs())
    this.#actors = new LinkActors({
      clock,
      random,
      history: this.#history,
      changed: (change) => this.#childChanged(change),
    })
  }

  /** What is to run from now on. Returns at once; what it leads to shows in the status. Of many links only the first begin at once. */
  apply(links: readonly LinkConfig[]): void {
    this.#desired = links
    this.#reconcile()
  }

  /** Resolves when all links that are to run have begun. */
  get applied(): Promise<void> {
    return this.#reconciled
  }

  /** Begins anew with a link that has failed, or with any other. */
  restart(peer: string): void {
    const standing = this.#links.get(peer)
    if (standing?.started !== true) return
    standing.shell.contest()
    this.#actors.restart(peer)
  }

  /** The outbox of a link, for the peer's routes. The same object as long as the link is configured, through all edits. */
  sinkOf(peer: string): PeerSink | undefined {
    return this.#links.get(peer)?.shell.sink
  }

  status(peer: string): LinkStatus | undefined {
    return this.#links.get(peer)?.status
  }

  statuses(): ReadonlyMap<string, LinkStatus> {
    return new Map([...this.#links].map(([peer, { status }]) => [peer, status]))
  }

  ledger(peer: string): LedgerSnapshot | undefined {
    return this.#links.get(peer)?.shell.outbox.ledger.snapshot()
  }

  /** What is spoken with the peer, what waits for it, and what is saved by compressing. */
  senderView(peer: string): SenderView | undefined {
    return this.#links.get(peer)?.shell.sender.view()
  }

  /** How long the oldest of what waits or flies has been in the outbox, milliseconds; `undefined` if it is empty. */
  outboxAgeMs(peer: string): number | undefined {
    const oldestMs = this.#links.get(peer)?.shell.outbox.oldestMs
    return oldestMs === undefined ? undefined : Math.max(0, this.#ports.clock.steadyMs() - oldestMs)
  }

  /** Of the connections that carry messages to the peer, since the link was made. */
  traffic(peer: string): Readonly<LinkTraffic> | undefined {
    return this.#links.get(peer)?.shell.traffic
  }

  /** How full the outbox is, 0 to 1, while it is above its high-water mark. */
  outboxAboveMark(peer: string): number | undefined {
    const sender = this.#links.get(peer)?.shell.sender
    return sender?.aboveHighWaterMark === true ? sender.outbox.fill : undefined
  }

  /** Who has paused forwarding to the peer; `undefined` if nobody has. */
  pauseOf(peer: string): Pause | undefined {
    return this.#links.get(peer)?.shell.pause
  }

  /** What is for the peer waits from now on, or goes again (`undefined`). Ends with the process. False if there is no such link. */
  setPause(peer: string, pause: Pause | undefined): boolean {
    this.#awaitedPauses.take(peer)
    const shell = this.#links.get(peer)?.shell
    shell?.setPause(pause)
    return shell !== undefined
  }

  /** What other nodes hold back is held back here, too: of links that are not known here yet from their beginning on. */
  holdBack(pauses: ReadonlyMap<string, Pause>): void {
    for (const [peer, pause] of pauses) this.#links.get(peer)?.shell.setPause(pause)
    this.#awaitedPauses.await(new Map([...pauses].filter(([peer]) => !this.#links.has(peer))))
  }

  /** The first so many messages that fly or wait; `undefined` if there is no such link. */
  peekOutbox(peer: string, limit: number): PeekedMessage[] | undefined {
    return this.#links.get(peer)?.shell.sender.peek(limit)
  }

  /**
   * Gives up all that waits, but not what flies. Resolves with how many messages, when they would not come back after a crash either;
   * `undefined` if there is no such link.
   */
  async purgeOutbox(peer: string, by: string, reason: string): Promise<number | undefined> {
    const shell = this.#links.get(peer)?.shell
    if (shell === undefined) return undefined
    const purged = await shell.sender.purge()
    await this.#ports.durable?.()?.settle()
    this.#ports.log.warn({ link: peer, purged, by, reason }, 'cluster_link_outbox_purged')
    return purged
  }

  resetLedger(peer: string): void {
    const shell = this.#links.get(peer)?.shell
    shell?.outbox.ledger.reset()
    shell?.prober.resetCounters()
  }

  /** Whether anything crosses, and how long it takes; `undefined` for a link that there is not, or where nothing is probed. */
  probe(peer: string): Probe | undefined {
    return this.#ports.probe === undefined ? undefined : this.#links.get(peer)?.shell.prober.view()
  }

  /** Since when nothing crosses although the link is connected, milliseconds since 1970; `undefined` while all is well. */
  muteSinceMs(peer: string): number | undefined {
    return this.#links.get(peer)?.shell.prober.muteSinceMs
  }

  /** How long messages to the peer take until they are acknowledged. */
  latency(peer: string): LinkLatency | undefined {
    return this.#links.get(peer)?.shell.prober.latency()
  }

  /** The same as counts, and those of probes: since they were reset. */
  latencyHistograms(peer: string): ReturnType<LinkShell['prober']['histograms']> | undefined {
    return this.#links.get(peer)?.shell.prober.histograms()
  }

  /** Sends a probe at once, or waits for the one that is on its way. Resolves within the deadline, milliseconds, whatever happens. */
  async probeNow(peer: string, deadlineMs = 5_000): Promise<ProbeResult> {
    return (await this.#links.get(peer)?.shell.prober.probeNow(deadlineMs)) ?? { type: 'not_probed' }
  }

  probeAsked(peer: string, node: string, id: number): Buffer | undefined {
    const { clock } = this.#ports
    const receivedAtMs = clock.nowMs()
    const answer = () => encodeProbeFrame({ type: 'probe_answer', id, receivedAtMs, sentAtMs: clock.nowMs() })
    return this.#links.get(peer)?.shell.sender.pool.answerProbe(node, answer) === true ? undefined : answer()
  }

  /** Whichever node it comes from: the number says whose it is. */
  probeAnswered(peer: string, _node: string, answer: ProbeAnswer): void {
    this.#links.get(peer)?.shell.prober.answered(answer, 'peers_link')
  }

  batchReceived(peer: string, node: string, sentAtMs: number): void {
    this.#links.get(peer)?.shell.prober.received(node, sentAtMs)
  }

  /** How far the peer was told of what is retained here; `undefined` unless its link does that. */
  retainedProgress(peer: string): RetainedProgress | undefined {
    return this.#links.get(peer)?.shell.retainedProgress
  }

  /** How many routes the peer should have of us. */
  routeCount(peer: string): number {
    return this.#links.get(peer)?.shell.routeCount ?? 0
  }

  /** Those routes; empty on a node that does not tell them. What comes or goes meanwhile may be among them or not. */
  routesOf(peer: string): Iterable<string> | undefined {
    return this.#links.get(peer)?.shell.routes
  }

  /** Where the lanes to the peer stand. */
  lanesOf(peer: string): LaneStanding[] | undefined {
    return this.#links.get(peer)?.shell.outbox.lanes()
  }

  /** How many of the routes that we want the peer has confirmed on this connection; of a native peer alone. */
  confirmedRoutes(peer: string): number | undefined {
    return this.#links.get(peer)?.shell.confirmedRoutes
  }

  /** What the peer does to us, as the accepting side sees it. */
  setInbound(peer: string, inbound: InboundFact): void {
    const standing = this.#links.get(peer)
    if (standing === undefined) return
    standing.shell.inbound = inbound
    this.#tell(peer, { type: 'inbound_changed', inbound })
  }

  /** The peer greeted us in our own dialect on a connection of its own. */
  peerIsNative(peer: string): void {
    const standing = this.#links.get(peer)
    if (standing?.started === true) standing.shell.peerIsNative()
  }

  /** As `setSlot` said. */
  get slot(): number | undefined {
    return this.#slot
  }

  /** All links connect under the ClientIDs of this slot; without one (`undefined`) those of a cluster wait. */
  setSlot(slot: number | undefined): void {
    if (slot === this.#slot) return
    const before = this.#slot
    this.#slot = slot
    for (const [peer, { started, shell }] of this.#links) {
      if (!started) continue
      if (this.#awaitsSlot) this.#halt(peer, slotAwaitedStatus(this.#coordinationLost))
      else this.#tell(peer, { type: 'reconnect' })
      this.#ports.log.info({ link: shell.name, slot, before }, 'cluster_link_slot_changed')
    }
    this.#reconcile()
  }

  /** Whether the nodes of the cluster reach each other, for the status of every link. */
  setCoordinationLost(lost: boolean): void {
    if (lost === this.#coordinationLost) return
    this.#coordinationLost = lost
    for (const [peer, { started, status }] of this.#links) {
      if (started) this.#tell(peer, { type: 'coordination_changed', lost })
      else if (this.#awaitsSlot && status.state === 'connecting') this.#setStatus(peer, slotAwaitedStatus(lost))
    }
  }

  /** The last transitions of an actor (`eu-west`, `eu-west/route-sync`, `eu-west/forwarding/1`, `eu-west/supervised`), oldest first. */
  transitions(actor: string): readonly Transition[] {
    return this.#history.of(actor)
  }

  actors(): string[] {
    return this.#history.ids()
  }

  /**
   * To be called before the node ends the sessions of its clients: what they wanted is not taken back from peers, who gather it until
   * the node is there again, and its clients with it.
   */
  beginStop(): void {
    this.#isEnding = true
  }

  /**
   * Lets what waits on links that are up cross for at most `drainMs`, then closes everything at once. What waits after that
   * is lost with the process, and logged.
   */
  async stop(drainMs = 500): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    await this.#drain(drainMs)
    this.#actors.stopAll()
    for (const { shell } of this.#links.values()) {
      const { queued, inflight } = shell.outbox.ledger
      const fields = { link: shell.name, queued, inflight }
      // But for QoS 0.
      if (queued + inflight > 0 && this.#ports.durable !== undefined && shell.config.durable)
        this.#ports.log.info(fields, 'cluster_link_outbox_kept')
      else if (queued + inflight > 0) this.#ports.log.warn(fields, 'cluster_link_outbox_lost')
      shell.stop()
    }
    this.#links.clear()
  }

  #reconcile(): void {
    if (this.#stopped) return
    const standing = new Map(
      [...this.#links].map(([name, { shell, started }]) => [name, { config: shell.config, started }]),
    )
    const steps = reconcile(standing, this.#desired)
    this.#steps = steps
    this.#reconciled = this.#takeAll(steps)
  }

  /** Some in each turn of the event loop: a thousand links would keep everything else waiting. */
  async #takeAll(steps: readonly LinkStep[]): Promise<void> {
    for (const [index, step] of steps.entries()) {
      if (index > 0 && index % STEPS_PER_TURN === 0) {
        await new Promise<void>((resolve) => this.#effects.defer(resolve))
        // What was to be done is another by now.
        if (this.#steps !== steps) return this.#reconciled
        if (this.#stopped) return
      }
      this.#take(step)
    }
  }

  #take(step: LinkStep): void {
    switch (step.type) {
      case 'create':
        this.#create(step.config)
        if (step.config.enable) this.#start(step.config)
        else this.#tellStatus(step.config.name, stoppedStatus, stoppedStatus)
        return
      case 'start':
        return this.#start(step.config)
      case 'stop':
        return this.#stopLink(step.config)
      case 'remove':
        return this.#remove(step.name)
      case 'edit':
        return this.#edit(step)
    }
  }

  #create(config: LinkConfig): void {
    const shell = this.#shell(config)
    this.#links.set(config.name, { shell, started: false, status: stoppedStatus })
    const pause = this.#awaitedPauses.take(config.name)
    if (pause !== undefined) shell.setPause(pause)
  }

  #shell(config: LinkConfig): LinkShell {
    const { name } = config
    return new LinkShell(config, {
      ...this.#effects,
      ...this.#ports,
      broker: this.#interest,
      outboxEpoch:
        this.#ports.outboxEpoch ??
        (() => (this.#outboxEpoch = nextIncarnation(this.#ports.clock.nowMs(), this.#outboxEpoch))),
      slotNow: () => this.#slot,
      coordinationLost: () => this.#coordinationLost,
      announce: (status) => this.#setStatus(name, status),
      tell: (event) => this.#tell(name, event),
    })
  }

  #start(config: LinkConfig): void {
    const standing = this.#links.get(config.name)
    if (standing === undefined) return
    const { shell } = standing
    shell.edit(config)
    if (this.#awaitsSlot) return this.#setStatus(config.name, slotAwaitedStatus(this.#coordinationLost))
    standing.started = true
    shell.contest()
    this.#actors.start({
      id: config.name,
      logic: shell.machine(),
      input: () => shell.input(),
      release: () => shell.release(),
    })
  }

  #stopLink(config: LinkConfig): void {
    this.#links.get(config.name)?.shell.sayGoodbye('disabled')
    this.#halt(config.name, stoppedStatus)
    this.#links.get(config.name)?.shell.edit(config)
  }

  /** Ends the actor of a link; what waits in its outbox stays. */
  #halt(name: string, status: LinkStatus): void {
    const standing = this.#links.get(name)
    if (standing === undefined) return
    standing.started = false
    this.#actors.stop(name)
    // An actor that is stopped runs no exit actions.
    standing.shell.release()
    standing.shell.relinquish()
    this.#setStatus(name, status)
  }

  /** A node of a cluster has no ClientIDs without its slot. */
  get #awaitsSlot(): boolean {
    return this.#ports.speaking !== undefined && this.#slot === undefined
  }

  #remove(name: string): void {
    const standing = this.#links.get(name)
    if (standing === undefined) return
    standing.shell.sayGoodbye('deleted')
    this.#actors.stop(name)
    const { queued, inflight } = standing.shell.outbox.ledger
    standing.shell.remove()
    if (queued + inflight > 0)
      this.#ports.log.warn({ link: name, queued, inflight, reason: 'link_removed' }, 'cluster_link_outbox_lost')
    this.#links.delete(name)
    this.#history.forget(name)
  }

  #edit({ config, routes, pool }: Extract<LinkStep, { type: 'edit' }>): void {
    const standing = this.#links.get(config.name)
    if (standing === undefined) return
    const { shell } = standing
    shell.edit(config)
    // An edit is what may mend a link that failed.
    if (standing.status.state === 'failed') return this.restart(config.name)
    this.#tell(config.name, { type: 'settings_changed', settings: shell.settings() })
    if (routes === 'restart') this.#tell(config.name, { type: 'restart_routes' })
    if (pool === 'rebuild') this.#tell(config.name, { type: 'rebuild_pool' })
  }

  #tell(peer: string, event: LinkEvent): void {
    if (this.#links.get(peer)?.started === true) this.#actors.tell(peer, event)
  }

  #childChanged({ id, state, error }: ChildChanged): void {
    if (state === 'running') return
    // A crash may have met half of an edit: what is configured is compared with what runs once more.
    queueMicrotask(() => this.#reconcile())
    // What does not run must not keep another node from speaking.
    if (state === 'failed') this.#links.get(id)?.shell.relinquish()
    const words = error instanceof Error ? error.message : String(error)
    this.#ports.log.error({ link: id, err: error }, state === 'failed' ? 'cluster_link_failed' : 'cluster_link_crashed')
    const reason =
      state === 'failed' ? `crashed too often, last with: ${words}` : `starts again after a crash: ${words}`
    this.#setStatus(id, state === 'failed' ? failedStatus(reason) : restartingStatus(reason))
  }

  #setStatus(peer: string, status: LinkStatus): void {
    const standing = this.#links.get(peer)
    if (standing === undefined) return
    const before = standing.status
    standing.status = status
    if (sameStatus(before, status)) return
    this.#tellStatus(peer, status, before)
  }

  #tellStatus(peer: string, status: LinkStatus, before: LinkStatus): void {
    const { log, onStatus } = this.#ports
    const level = status === before ? 'info' : levelOf(status, before)
    log[level](
      { link: peer, status: status.state, before: before.state, reasons: status.reasons },
      'cluster_link_status',
    )
    onStatus?.(peer, status)
  }

  async #drain(drainMs: number): Promise<void> {
    const { clock } = this.#ports
    const untilMs = clock.steadyMs() + drainMs
    while (clock.steadyMs() < untilMs && [...this.#links.values()].some(({ shell }) => shell.sender.pool.canDrain)) {
      await new Promise<void>((resolve) => void clock.after(10, resolve))
    }
  }
}

/** Ids are those of one process: each message that leaves it has another. */
function emqxEncoder(clock: LinkClock): (message: Message) => Buffer {
  const source = randomBytes(6)
  let counter = 0
  return (message) => {
    counter = (counter + 1) % 0x1_0000_0000
    return encodeLinkMessage(message, messageId(clock.nowMs(), source, counter))
  }
}
