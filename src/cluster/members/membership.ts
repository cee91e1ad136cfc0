/**
 * Who is a member of this cluster, and whether this process may be one under its name. Every node says several times within each
 * `member_ttl` that it lives; who was not heard of for so long is lost. What a node can't know it does not claim: while it is not
 * connected itself, or was stopped for a while, it declares nobody lost, and afterwards everybody has a whole TTL again.
 */
import type { ClusterClock } from '../cluster-clock.ts'
import { ClusterError } from '../cluster-error.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Coordination, Sender } from '../coordination.ts'
import { type Announcement, decodeAnnouncement, encodeAnnouncement, type Standing } from './announcement.ts'
import { judgeNamesake } from './judge-namesake.ts'
import { type Member, type MemberChange, MemberTable } from './member-table.ts'

/** What a node tells the others about itself, as it is now. */
export type MemberDetails = {
  readonly slot: number | undefined
  /** Address of each listener, by type and name: `tcp:default`. */
  readonly listeners: Readonly<Record<string, string>>
}

export type MembershipOptions = {
  readonly coordination: Coordination
  readonly clock: ClusterClock
  readonly log: ClusterLog
  readonly version: string
  readonly host: string
  readonly pid: number
  readonly facts: () => MemberDetails
  /** How long a silent one is believed to live, milliseconds. */
  readonly memberTtlMs?: number
  /** How often it is asked whether another process has our name; 0 if there can be none, and then nobody waits. */
  readonly nameAsks?: number
  /**
   * Another process has our name, which we could not know when we started: the coordination was away. It is a member and we are not
   * any more.
   */
  readonly onNameTaken?: (error: ClusterError) => void
}

/** For people: a member, or one that was lost and may return. */
export type MemberStanding = Member & { readonly state: 'up' | 'lost'; readonly silentMs: number }

type Timer = { cancel(): void }
type Phase = 'new' | 'joined' | 'ended'
type Answer = { readonly resolve: () => void; readonly reject: (error: ClusterError) => void }

const MEMBER_TTL_MS = 5_000
const BEATS_PER_TTL = 5
const NAME_ASKS = 3
const NAME_ASK_MS = 200
/** Processes that are known to be gone for good. */
const GONE_MAX = 1_000

export class Membership {
  readonly #options: MembershipOptions
  readonly #ttlMs: number
  readonly #beatMs: number
  readonly #nameAsks: number
  readonly #startedAtMs: number
  readonly #table: MemberTable
  readonly #listeners = new Set<(change: MemberChange) => void>()
  readonly #gone = new Set<string>()
  readonly #stops: (() => void)[] = []
  #phase: Phase = 'new'
  #standing: Standing = 'asking'
  #joining: Answer | undefined
  #beat: Timer | undefined
  #sweep: Timer | undefined
  #ask: Timer | undefined
  #beatDueMs = 0
  /** Counts how often we began to ask for our name. */
  #asking = 0
  #disconnectedAtMs: number | undefined
  #refusalLoggedAtMs = Number.NEGATIVE_INFINITY
  #namesakeCalledAtMs = Number.NEGATIVE_INFINITY

  constructor(options: MembershipOptions) {
    this.#options = options
    this.#ttlMs = options.memberTtlMs ?? MEMBER_TTL_MS
    this.#beatMs = this.#ttlMs / BEATS_PER_TTL
    this.#nameAsks = options.nameAsks ?? NAME_ASKS
    this.#startedAtMs = options.clock.nowMs()
    this.#table = new MemberTable(this.#ttlMs)
  }

  /**
   * Becomes a member. Resolves also while the coordination is away; whether the name is free is then found out when it is back.
   * Rejects with `ClusterError` `NODE_NAME_TAKEN` if another process has it.
   */
  async join(): Promise<void> {
    const { coordination, log } = this.#options
    this.#phase = 'joined'
    this.#stops.push(
      coordination.bus.listen('members', (from, payload) => this.#receive(from, payload)),
      coordination.onConnection((isConnected) => (isConnected ? this.#connected() : this.#disconnected())),
    )
    this.#planBeat()
    if (this.#nameAsks === 0) this.#settle()
    else if (coordination.isConnected) await this.#askForName()
    else {
      this.#disconnectedAtMs = this.#options.clock.steadyMs()
      log.warn({ node: coordination.self.node }, 'node_name_unchecked')
    }
  }

  /** Says goodbye; the others know at once. */
  async leave(): Promise<void> {
    if (this.#phase === 'joined' && this.#standing === 'member') this.#broadcast('goodbye')
    this.#end()
  }

  /** This node first, then the others in the order of their names. */
  members(): readonly Member[] {
    return [this.#self(), ...[...this.#table.present()].sort(byNode)]
  }

  /** For people: those that are members, and those that were lost. */
  list(): readonly MemberStanding[] {
    const nowMs = this.#options.clock.steadyMs()
    const lost = [...this.#table.lost()].sort(byNode)
    const standing = (state: MemberStanding['state']) => (member: Member) => ({
      ...member,
      state,
      silentMs: member.isSelf ? 0 : this.#table.silentMs(member.node, nowMs),
    })
    return [...this.members().map(standing('up')), ...lost.map(standing('lost'))]
  }

  /** How long nothing was heard of another node, milliseconds; 0 if it is none that we know. */
  silentMs(node: string): number {
    return this.#table.silentMs(node, this.#options.clock.steadyMs())
  }

  /** Whether a process runs under this name, as far as we know. */
  has(node: string): boolean {
    return node === this.#options.coordination.self.node || this.#table.get(node) !== undefined
  }

  /** Whether this process said goodbye, or another one took its place. */
  hasLeft({ node, boot }: Sender): boolean {
    return this.#gone.has(JSON.stringify([node, boot]))
  }

  /** Whether we have asked and nobody else is there. */
  get isAlone(): boolean {
    return (
      this.#standing === 'member' &&
      this.#options.coordination.isConnected &&
      this.#table.present().next().done === true
    )
  }

  /** The slots that others say they have. */
  slotsInUse(): ReadonlyMap<number, string> {
    const slots = new Map<number, string>()
    for (const { slot, node } of this.#table.present()) if (slot !== undefined) slots.set(slot, node)
    return slots
  }

  /** Returns how to stop it. */
  onChange(listener: (change: MemberChange) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Our facts are others now: tells them at once. */
  announce(): void {
    if (this.#phase === 'joined' && this.#standing === 'member') this.#broadcast('alive')
  }

  #askForName(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#joining = { resolve, reject }
      this.#beginToAsk()
    })
  }

  #beginToAsk(): void {
    this.#standing = 'asking'
    this.#ask?.cancel()
    this.#askAgain(this.#nameAsks, ++this.#asking)
  }

  #askAgain(left: number, asking: number): void {
    if (asking !== this.#asking) return
    if (left === 0) return this.#settle()
    this.#broadcast('hello')
    this.#ask = this.#after(NAME_ASK_MS, () => this.#askAgain(left - 1, asking))
  }

  /** The name is ours. */
  #settle(): void {
    this.#standing = 'member'
    this.#broadcast('alive')
    this.#answerJoin()
  }

  #answerJoin(error?: ClusterError): void {
    const joining = this.#joining
    this.#joining = undefined
    if (error === undefined) joining?.resolve()
    else if (joining !== undefined) joining.reject(error)
    else this.#options.onNameTaken?.(error)
  }

  #connected(): void {
    const nowMs = this.#options.clock.steadyMs()
    const awayMs = nowMs - (this.#disconnectedAtMs ?? nowMs)
    this.#disconnectedAtMs = undefined
    this.#comeBack(awayMs)
  }

  #disconnected(): void {
    this.#disconnectedAtMs = this.#options.clock.steadyMs()
    this.#ask?.cancel()
    this.#asking++
    this.#sweep?.cancel()
    this.#sweep = undefined
    // Not known to be taken is all that can be said now.
    this.#answerJoin()
  }

  /** We did not hear the others for so long, milliseconds. */
  #comeBack(awayMs: number): void {
    this.#table.refresh(this.#options.clock.steadyMs())
    this.#planSweep()
    // After a TTL the others had to take us for lost, and the name for free.
    const mustAsk = this.#nameAsks > 0 && (this.#standing === 'asking' || awayMs >= this.#ttlMs)
    if (mustAsk) this.#beginToAsk()
    else this.#broadcast('hello')
  }

  #receive(from: Sender, payload: Uint8Array): void {
    this.#noticeStall()
    const announcement = decodeAnnouncement(payload)
    const { self } = this.#options.coordination
    if (announcement === undefined)
      return this.#logRefusal({ node: from.node, bytes: payload.length }, 'member_message_malformed')
    if (from.node !== self.node) return this.#hear(from, announcement)
    if (from.boot !== self.boot) this.#hearNamesake(from, announcement)
  }

  #hear(from: Sender, announcement: Announcement): void {
    if (announcement.type === 'goodbye') return this.#noteGoodbye(from)
    if (announcement.standing === 'member') this.#noteAlive(from, announcement)
    if (announcement.type === 'hello') this.#answer(from)
  }

  #noteGoodbye(from: Sender): void {
    this.#noteGone(from)
    this.#tell(this.#table.left(from))
  }

  #noteAlive(from: Sender, announcement: Announcement): void {
    const { type: _type, standing: _standing, answers: _answers, ...facts } = announcement
    const change = this.#table.heard({ ...from, ...facts, isSelf: false }, this.#options.clock.steadyMs())
    if (change?.type === 'restarted') this.#noteGone({ node: from.node, boot: change.previousBoot })
    if (change !== undefined) this.#gone.delete(JSON.stringify([from.node, from.boot]))
    else if (this.#table.isFull && !this.has(from.node)) this.#logRefusal({ node: from.node }, 'member_table_full')
    this.#planSweep()
    this.#tell(change)
  }

  #noteGone({ node, boot }: Sender): void {
    this.#gone.add(JSON.stringify([node, boot]))
    for (const oldest of this.#gone) {
      if (this.#gone.size <= GONE_MAX) break
      this.#gone.delete(oldest)
    }
  }

  #hearNamesake(from: Sender, announcement: Announcement): void {
    if (announcement.type === 'goodbye') return
    const own = { standing: this.#standing, startedAtMs: this.#startedAtMs, boot: this.#options.coordination.self.boot }
    const mustGo = judgeNamesake(own, { ...announcement, boot: from.boot }) === 'give_way'
    if (mustGo && announcement.answers === own.boot) this.#giveWay(from, announcement)
    else if (mustGo) this.#callNamesake()
    else if (announcement.type === 'hello') this.#answer(from)
  }

  /**
   * What a process of our name said may have lain in a server that stood still, and be older than its death: only one that answers us lives.
   * Not oftener than once a beat, since what lay there may be much.
   */
  #callNamesake(): void {
    const nowMs = this.#options.clock.steadyMs()
    if (nowMs - this.#namesakeCalledAtMs < this.#beatMs) return
    this.#namesakeCalledAtMs = nowMs
    this.#broadcast('hello')
  }

  #giveWay({ node, boot }: Sender, { host, pid, startedAtMs }: Announcement): void {
    const started = new Date(startedAtMs).toISOString()
    const words = `another process runs as ${node}: process ${pid} on ${host}, started ${started}; node.name must be different`
    this.#options.log.error({ node, boot, host, pid, started }, 'node_name_taken')
    if (this.#standing === 'member') this.#broadcast('goodbye')
    this.#end(new ClusterError('NODE_NAME_TAKEN', words))
  }

  #end(error?: ClusterError): void {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    for (const timer of [this.#beat, this.#sweep, this.#ask]) timer?.cancel()
    for (const stop of this.#stops.splice(0)) stop()
    if (error !== undefined || this.#joining !== undefined) this.#answerJoin(error)
  }

  #planBeat(): void {
    this.#beat?.cancel()
    this.#beatDueMs = this.#options.clock.steadyMs() + this.#beatMs
    this.#beat = this.#after(this.#beatMs, () => {
      this.#planBeat()
      this.announce()
    })
  }

  /** One timer for the earliest that may be lost; who is heard of meanwhile is found to live when it fires. */
  #planSweep(): void {
    if (this.#sweep !== undefined || this.#phase !== 'joined' || !this.#options.coordination.isConnected) return
    const { nextExpiryMs } = this.#table
    if (nextExpiryMs === undefined) return
    this.#sweep = this.#after(Math.max(0, nextExpiryMs - this.#options.clock.steadyMs()), () => {
      this.#sweep = undefined
      for (const change of this.#table.expire(this.#options.clock.steadyMs())) this.#tell(change)
      this.#planSweep()
    })
  }

  #after(ms: number, call: () => void): Timer {
    return this.#options.clock.after(ms, () => {
      this.#noticeStall()
      call()
    })
  }

  /**
   * A beat that is overdue tells that this process was stopped: what the others said meanwhile has yet to be read, and who woke may have
   * lost its place. Looked at before anything else is done, whatever it is that comes first.
   */
  #noticeStall(): void {
    const { clock, log, coordination } = this.#options
    const lateMs = clock.steadyMs() - this.#beatDueMs
    if (lateMs < this.#beatMs) return
    log.warn({ lateMs: Math.round(lateMs) }, 'node_was_stalled')
    this.#planBeat()
    if (coordination.isConnected) this.#comeBack(lateMs)
  }

  #answer(to: Sender): void {
    this.#options.coordination.bus.send(to.node, 'members', this.#encode('alive', to.boot))
  }

  #broadcast(type: Announcement['type']): void {
    this.#options.coordination.bus.broadcast('members', this.#encode(type))
  }

  #encode(type: Announcement['type'], answers?: string): Uint8Array {
    const { startedAtMs, host, pid, version, slot, listeners } = this.#self()
    return encodeAnnouncement({
      type,
      standing: this.#standing,
      startedAtMs,
      host,
      pid,
      version,
      slot,
      listeners,
      answers,
    })
  }

  #self(): Member {
    const { coordination, host, pid, version, facts } = this.#options
    const { slot, listeners } = facts()
    const { node, boot } = coordination.self
    return { node, boot, startedAtMs: this.#startedAtMs, host, pid, version, slot, listeners, isSelf: true }
  }

  #tell(change: MemberChange | undefined): void {
    if (change === undefined) return
    const { log } = this.#options
    const { node, boot } = change.member
    log[change.type === 'lost' ? 'warn' : 'info']({ node, boot }, logEvents[change.type])
    for (const listener of this.#listeners) {
      try {
        listener(change)
      } catch (error) {
        log.error({ err: error, node }, 'member_listener_failed')
      }
    }
  }

  /** Not oftener than once in a TTL: whoever sends such things sends many. */
  #logRefusal(fields: object, event: string): void {
    const nowMs = this.#options.clock.steadyMs()
    if (nowMs - this.#refusalLoggedAtMs < this.#ttlMs) return
    this.#refusalLoggedAtMs = nowMs
    this.#options.log.warn(fields, event)
  }
}

const logEvents = {
  joined: 'member_joined',
  left: 'member_left',
  lost: 'member_lost',
  returned: 'member_returned',
  restarted: 'member_restarted',
} as const

function byNode(a: Member, b: Member): number {
  return a.node < b.node ? -1 : 1
}
