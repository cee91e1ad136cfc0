/**
 * This node's part in a cluster of several. What is coordinated stands in its own room each (members, maps, lanes, sessions,
 * retained, leases, slots, config); here they are tied together, and follow who comes and goes.
 */
import { hostname } from 'node:os'
import type { InspectionEvent } from 'xstate'
import type { Config, LinkConfig } from '../config/config.ts'
import type { Directive, LaneMessage } from '../lanes/batches/batch-writer.ts'
import type { Publication } from '../packets/publication.ts'
import type { ClusterClock } from './cluster-clock.ts'
import type { ClusterError } from './cluster-error.ts'
import type { ClusterLog } from './cluster-log.ts'
import type { DecideLinks } from './config/link-edits.ts'
import { SharedLinksFile } from './config/shared-links-file.ts'
import { SharedLinksStore } from './config/shared-links-store.ts'
import type { Coordination, Sender } from './coordination.ts'
import { CopyFile } from './documents/copy-file.ts'
import { type DocumentKind, SharedDocument } from './documents/shared-document.ts'
import { type RecordKind, SharedRecords, type SharedRecordsPorts } from './documents/shared-records.ts'
import type { Files } from './files.ts'
import type { MemberDelivery } from './lanes/inbound-lanes.ts'
import { type MarkWaiter, MarkWaiters } from './lanes/mark-waiters.ts'
import { MemberLanes } from './lanes/member-lanes.ts'
import type { Unacknowledged } from './lanes/outbound-lanes.ts'
import { IncarnationFile } from './leases/incarnation-file.ts'
import { Leases } from './leases/leases.ts'
import { SharedMaps } from './maps/shared-maps.ts'
import { MemberFacts, type MemberRoutes } from './member-facts.ts'
import type { MemberChange } from './members/member-table.ts'
import { Membership } from './members/membership.ts'
import { Requests } from './requests.ts'
import { type RetainedMessages, RetainedSync } from './retained/retained-sync.ts'
import { SessionDirectory } from './sessions/session-directory.ts'
import { SlotFile } from './slots/slot-file.ts'
import { Slots } from './slots/slots.ts'

/** The broker as far as the other nodes are concerned. */
export interface ClusterBroker extends MemberRoutes, RetainedMessages {
  deliverFromMember: MemberDelivery['deliver']
  whenKept: MemberDelivery['kept']
  /** Hands groups that were another node's to others; returns a mark of the lanes. */
  redispatch(publication: Publication, directive: Directive, lostNode: string): number
  /** Whether a group, by its key, has members elsewhere than on this node. */
  isServedWithout(node: string, group: string): boolean
}

export type ClusterPorts = {
  readonly config: Config
  readonly coordination: Coordination
  readonly broker: ClusterBroker
  readonly clock: ClusterClock
  /** A number from 0 to below 1. */
  readonly random: () => number
  readonly log: ClusterLog
  /** Calls once at the end of this turn of the event loop. */
  readonly defer: (call: () => void) => void
  readonly version: string
  /** Higher than every one that earlier processes of this node had. */
  readonly life: number
  /** Where each of our listeners really listens. */
  readonly listeners: () => Readonly<Record<string, string>>
  /** Those of the machine, if nothing else is given. */
  readonly files?: Files | undefined
  /** Sees the machines of leases. */
  readonly inspect: (inspected: InspectionEvent) => void
  readonly effects: ClusterEffects
}

export type ClusterEffects = {
  /** These links are to run. */
  readonly links: (links: readonly LinkConfig[]) => void
  /** Our number in ClientIDs; `undefined` while we have none. */
  readonly slot: (slot: number | undefined) => void
  readonly connection: (isConnected: boolean) => void
  /** Another process has our name, and we could not know it when we started. */
  readonly nameTaken: (error: ClusterError) => void
}

/** How long what is for sessions of a member that is gone waits for it, milliseconds. */
const AWAITED_MS = 3_600_000
/** How long a start waits for what the others want, and for the retained messages of one; how often it looks. Milliseconds. */
const OTHERS_WAIT_MS = 5_000
const OTHERS_LOOK_MS = 10
/** How long a start waits for the coordination: with it the node knows at once whether its name is free. Milliseconds. */
const COORDINATION_WAIT_MS = 5_000
const HANDED_ON_PER_TURN = 500
/** Of a node that joins: who is awaited on nodes that it does not hear. */
const AWAITED_QUESTION = 'members.awaited'
/** How long a stop waits for what is on its way to other nodes, milliseconds. */
const DRAIN_MS = 1_000

export class Cluster {
  readonly maps: SharedMaps
  readonly lanes: MemberLanes
  readonly directory: SessionDirectory
  readonly leases: Leases
  readonly membership: Membership
  readonly #ports: ClusterPorts
  /** Questions to other members, and their answers. */
  readonly requests: Requests
  readonly #slots: Slots
  readonly #links: SharedLinksStore
  #retained: RetainedSync | undefined
  #facts: MemberFacts | undefined
  readonly #awaited = new Map<string, { cancel(): void }>()
  readonly #stops: (() => void)[] = []
  #others: readonly string[] = []
  #slot: number | undefined
  readonly #waiters = new MarkWaiters()

  constructor(ports: ClusterPorts) {
    this.#ports = ports
    const { config, coordination, broker, clock, random, log, defer, version, effects } = ports
    const { node, cluster } = config
    const shared = { coordination, clock, log, random }
    this.maps = new SharedMaps({ ...shared, defer })
    this.requests = new Requests(shared)
    this.lanes = new MemberLanes({
      ...shared,
      defer,
      delivery: {
        deliver: (publication, directive) => broker.deliverFromMember(publication, directive),
        kept: (call) => broker.whenKept(call),
      },
    })
    this.lanes.onSettled(() => this.#waiters.settled())
    this.membership = new Membership({
      ...shared,
      version,
      host: hostname(),
      pid: process.pid,
      facts: () => ({ slot: this.#slot, listeners: ports.listeners() }),
      memberTtlMs: cluster.member_ttl,
      onNameTaken: (error) => effects.nameTaken(error),
    })
    this.leases = new Leases({
      ...shared,
      ttlMs: cluster.lease_ttl,
      memory: new IncarnationFile(node.data_dir, ports.files),
      membership: this.membership,
      inspect: ports.inspect,
    })
    this.#slots = new Slots({
      ...shared,
      memory: new SlotFile(node.data_dir, ports.files),
      membership: this.membership,
    })
    this.directory = new SessionDirectory({ ...shared, requests: this.requests })
    this.#links = new SharedLinksStore(
      {
        coordination,
        log,
        clusterName: cluster.name,
        file: new SharedLinksFile(node.data_dir, cluster.name, ports.files),
        changed: (links) => effects.links(links),
      },
      cluster.links,
    )
  }

  /** Whether the coordination answers. */
  get isConnected(): boolean {
    return this.#ports.coordination.isConnected
  }

  /** What is to run as far as is known now. */
  get links(): readonly LinkConfig[] {
    return this.#links.links
  }

  /**
   * Becomes a member: clients are to be let in only after that. Resolves also while the coordination is away. Rejects with
   * `ClusterError` if another process has our name.
   */
  async start(): Promise<void> {
    const { coordination, clock, effects } = this.#ports
    await connectedOrLate(coordination, clock)
    await this.membership.join()
    this.#stops.push(
      this.membership.onChange((change) => this.#memberChanged(change)),
      coordination.onConnection((isConnected) => this.#connectionChanged(isConnected)),
    )
    this.#startFacts()
    this.#links.start()
    this.#stops.push(this.#slots.onChange((slot) => this.#slotChanged(slot)))
    void this.#slots.claim().then((slot) => this.#slotChanged(slot))
    for (const { node, isSelf } of this.membership.members()) if (!isSelf) this.#present(node)
    if (!coordination.isConnected) effects.connection(false)
    // A client that comes at once finds what is retained elsewhere, and its messages find who wants them.
    const [other] = this.#others
    if (other === undefined) return
    const untilMs = clock.steadyMs() + OTHERS_WAIT_MS
    const late = new Promise<void>((resolve) => void clock.after(OTHERS_WAIT_MS, resolve))
    const asked = this.#others.map((node) => this.#askAwaited(node))
    await Promise.race([Promise.all([this.#retained?.syncWith(other), this.#othersKnown(untilMs), ...asked]), late])
  }

  /** Asks a member for whose sessions messages are to be kept, on nodes that we don't hear and it has heard. */
  async #askAwaited(node: string): Promise<void> {
    const { log } = this.#ports
    const present = this.membership.members().map((member) => member.node)
    try {
      const answer = await this.requests.ask(node, AWAITED_QUESTION, present, OTHERS_WAIT_MS)
      for (const [away, keys] of readAwaited(answer)) {
        this.#facts?.awaitAt(away, keys)
        this.#giveUpLater(away)
      }
    } catch (error) {
      log.warn({ err: error, node }, 'awaited_sessions_not_known')
    }
  }

  /** Resolves when it is known here what the others who are there want, or when it is too late. */
  async #othersKnown(untilMs: number): Promise<void> {
    const { clock } = this.#ports
    while (clock.steadyMs() < untilMs && !this.#others.every((node) => this.#facts?.isKnown(node) === true))
      await new Promise<void>((resolve) => void clock.after(OTHERS_LOOK_MS, resolve))
  }

  /** Lets what is on its way to the others arrive, and says goodbye. What waits for a node that is away goes with this one, and is logged. */
  async stop(): Promise<void> {
    this.lanes.rest()
    await this.#drainLanes()
    for (const stop of this.#stops) stop()
    for (const timer of this.#awaited.values()) timer.cancel()
    this.#links.stop()
    this.#retained?.stop()
    this.lanes.stop()
    await this.leases.stop()
    this.#slots.stop()
    this.#facts?.stop()
    this.directory.stop()
    this.maps.stop()
    await this.membership.leave()
    this.requests.stop()
    await this.#ports.coordination.close()
  }

  async #drainLanes(): Promise<void> {
    const { coordination, clock, log } = this.#ports
    const untilMs = clock.steadyMs() + DRAIN_MS
    const isOnItsWay = (): boolean =>
      this.lanes.list().some(({ member, waiting }) => waiting > 0 && this.#others.includes(member))
    while (coordination.isConnected && clock.steadyMs() < untilMs && (this.lanes.owes || isOnItsWay()))
      await new Promise<void>((resolve) => void clock.after(OTHERS_LOOK_MS, resolve))
    for (const { member, waiting } of this.lanes.list())
      if (waiting > 0) log.warn({ member, messages: waiting }, 'lane_messages_lost')
  }

  /** Changes the links of the whole cluster; see `SharedLinksStore.change`. */
  changeLinks(decide: DecideLinks): Promise<readonly LinkConfig[]> {
    return this.#links.change(decide)
  }

  /**
   * A document that all members share; it ends with the cluster. Throws `ClusterError` if this member's copy can't be read.
   * @param file name of the copy in the data directory
   * @param initial see `SharedDocument`
   */
  document<Value>(
    kind: DocumentKind<Value>,
    file: string,
    initial: Value,
    changed: (value: Value) => void,
  ): SharedDocument<Value> {
    const { config, coordination, log, files } = this.#ports
    const copy = new CopyFile(config.node.data_dir, file, files)
    const document = new SharedDocument(kind, { coordination, log, copy, changed }, initial)
    document.start()
    this.#stops.push(() => document.stop())
    return document
  }

  /** Records that all members share; they end with the cluster. Throws `ClusterError` if this member's copies can't be read. */
  records<Value>(
    kind: RecordKind<Value>,
    ports: Pick<SharedRecordsPorts<Value>, 'copyOf' | 'changed'>,
  ): SharedRecords<Value> {
    const { coordination, log } = this.#ports
    const records = new SharedRecords(kind, { coordination, log, ...ports })
    records.start()
    this.#stops.push(() => records.stop())
    return records
  }

  // ---- the other nodes as the broker needs them

  /** See `MemberLanes.send`. */
  send(node: string, message: LaneMessage, directive: Directive): number {
    return this.lanes.send(node, message, directive)
  }

  get settledMark(): number {
    return this.lanes.settledMark
  }

  /** Is told when `settledMark` grew, until it says that it waits no more. */
  wait(waiter: MarkWaiter): void {
    this.#waiters.wait(waiter)
  }

  /** The other nodes that are there. The same list until it changes. */
  all(): readonly string[] {
    return this.#others
  }

  /** Whether this process of a node is there; while we are cut off ourselves, whether it was. */
  isMember({ node, boot }: Sender): boolean {
    return this.membership.members().some((member) => member.node === node && member.boot === boot)
  }

  #startFacts(): void {
    const { coordination, broker, clock, log, random, life } = this.#ports
    const facts = new MemberFacts(
      { self: coordination.self, maps: this.maps, routes: broker, claims: this.directory, clock, log },
      life,
    )
    this.#facts = facts
    this.requests.serve(AWAITED_QUESTION, async (_from, body) => {
      const present = Array.isArray(body) ? body.map(String) : []
      return [...facts.awaitedBut(new Set(present))]
    })
    this.directory.start({
      claim: (clientId, stamp) => facts.claim(clientId, stamp),
      unclaim: (clientId) => facts.unclaim(clientId),
    })
    this.#retained = new RetainedSync({
      retained: broker,
      requests: this.requests,
      clock,
      random,
      log,
      others: () => this.#others,
    })
  }

  #memberChanged({ type, member: { node } }: MemberChange): void {
    if (type === 'lost') this.#absent(node, 'silent')
    else if (type === 'left') this.#absent(node, 'left')
    else {
      this.#present(node)
      void this.#retained?.syncWith(node)
    }
  }

  #present(node: string): void {
    this.#awaited.get(node)?.cancel()
    this.#awaited.delete(node)
    if (!this.#others.includes(node)) this.#others = [...this.#others, node]
    this.#facts?.present(node)
  }

  #absent(node: string, how: 'silent' | 'left'): void {
    this.#others = this.#others.filter((other) => other !== node)
    this.requests.memberGone(node)
    this.#facts?.absent(node, how, () => this.#sortLane(node))
    this.#giveUpLater(node)
  }

  #giveUpLater(node: string): void {
    if (this.#others.includes(node)) return
    const { clock, log } = this.#ports
    this.#awaited.get(node)?.cancel()
    this.#awaited.set(
      node,
      clock.after(AWAITED_MS, () => {
        this.#awaited.delete(node)
        log.warn({ node, after_ms: AWAITED_MS }, 'member_given_up')
        this.#facts?.forget(node)
        this.#handOn(this.lanes.forget(node), node)
      }),
    )
  }

  /** What waits for a member that is away waits on; but groups may have members elsewhere. */
  #sortLane(node: string): void {
    if (this.#others.includes(node)) return
    const { broker } = this.#ports
    this.#handOn(
      this.lanes.takeGroups(node, (group) => broker.isServedWithout(node, group)),
      node,
    )
  }

  /** These are no longer that node's. */
  #handOn(messages: Iterable<Unacknowledged>, node: string): void {
    const { broker, defer } = this.#ports
    const rest = messages[Symbol.iterator]()
    const next = (): void => {
      for (let left = HANDED_ON_PER_TURN; left > 0; left--) {
        const { done, value } = rest.next()
        if (done === true) return
        broker.redispatch(value.publication, value.directive, node)
      }
      defer(next)
    }
    next()
  }

  #slotChanged(slot: number | undefined): void {
    this.#slot = slot
    this.membership.announce()
    this.#ports.effects.slot(slot)
  }

  #connectionChanged(isConnected: boolean): void {
    this.#ports.effects.connection(isConnected)
    if (isConnected) for (const node of this.#others) void this.#retained?.syncWith(node)
  }
}

/** Nothing that comes over the bus is trusted: what is not as it should be is left out. */
function readAwaited(answer: unknown): readonly (readonly [node: string, keys: readonly string[]])[] {
  if (!Array.isArray(answer)) return []
  return answer.flatMap((entry: unknown) => {
    if (!Array.isArray(entry) || typeof entry[0] !== 'string' || !Array.isArray(entry[1])) return []
    return [[entry[0], entry[1].filter((key) => typeof key === 'string')] as const]
  })
}

/** A coordination that does not come is waited for no longer: the node serves its clients without it. */
async function connectedOrLate(coordination: Coordination, clock: ClusterClock): Promise<void> {
  if (coordination.isConnected) return
  const ends: (() => void)[] = []
  await new Promise<void>((resolve) => {
    const late = clock.after(COORDINATION_WAIT_MS, resolve)
    ends.push(
      coordination.onConnection(() => resolve()),
      () => late.cancel(),
    )
  })
  for (const end of ends) end()
}
