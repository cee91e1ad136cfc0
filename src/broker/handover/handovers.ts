/**
 * Sessions that move between the nodes of a cluster. The new node asks, the old one closes its connection and hands out a copy, the
 * new one brings that to disk and confirms, and only then the old one forgets. Until then it keeps all: if the new node dies before
 * it is heard of again, the client finds its session where it was.
 *
 * What is published meanwhile still reaches the old node, until all others have learned of the new one. So the old one keeps the
 * subscriptions for a moment, hands on what comes, and says when that is over; what the new one got itself waits until then
 * (`Arrivals`).
 */
import { parseSubscription } from '../../topics/subscription.ts'
import type { Clock } from '../clock.ts'
import type { Counters } from '../counters.ts'
import type { Journal } from '../durable/journal.ts'
import type { Limits } from '../limits/limits.ts'
import type { Logger } from '../logger.ts'
import type { Confirmation, SessionDirectory, SessionHost, Successor } from '../session-directory.ts'
import type { Queued } from '../sessions/queue.ts'
import { Session } from '../sessions/session.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { SessionLives } from '../sessions/session-lives.ts'
import type { SubscriptionTable } from '../sessions/subscription-table.ts'
import type { Subscriptions } from '../sessions/subscriptions.ts'
import { Arrivals } from './arrivals.ts'
import { decodeHandover, decodeLate, encodeHandover, encodeLate } from './handover-record.ts'
import { handedMessage, handedSession, queuedOf } from './handed.ts'
import { Lingering } from './lingering.ts'

export type HandoverPorts = {
  readonly sessions: Sessions
  readonly table: SubscriptionTable
  readonly journal: Journal
  readonly limits: Limits
  readonly counters: Counters
  readonly clock: Clock
  readonly log: Logger
  /** Calls in the next turn of the event loop. */
  readonly defer: (call: () => void) => void
  readonly lives: Pick<SessionLives, 'keep' | 'isOwner'>
  readonly subscriptions: Pick<Subscriptions, 'remove' | 'removeAll'>
}

/** A connection whose client may have a session elsewhere. */
export interface Waiting {
  /** Another connection has come for the session: this one is to close. */
  takenOver(): void
}

/** Whether the client may go on here. */
export type Fetched = { readonly type: 'fetched' } | { readonly type: 'refused'; readonly words: string }

/** So long the old node keeps what it has handed out and nobody has confirmed. */
const OFFER_MS = 10_000
/** So long what is routed here waits for the old node to hand on what came before: somewhat longer than that takes. */
const HELD_MS = 3_000
/** So long both copies of a message are told from two messages. */
const ARRIVALS_MS = 5_000
/** Subscriptions that are made in one turn of the event loop. */
const SUBSCRIPTIONS_PER_TURN = 500
/** Sessions that are told of in one turn. */
const TOLD_PER_TURN = 2_000
const CONFIRM_ATTEMPTS = 2

type Offer = {
  readonly node: string
  readonly session: Session
  readonly queued: readonly Queued[]
  readonly timer: { cancel(): void }
}

const fetched: Fetched = { type: 'fetched' }

export class Handovers implements SessionHost {
  readonly #ports: HandoverPorts
  #directory: SessionDirectory | undefined
  /** Sessions on their way to this node, and the connection that is to have each. */
  readonly #pending = new Map<string, { waiting: Waiting; readonly done: Promise<Fetched> }>()
  /** Sessions that were handed out and not confirmed. They stand in `sessions` still. */
  readonly #offers = new Map<string, Offer>()
  /** Those that other nodes have now. */
  readonly #lingering = new Map<string, Lingering>()
  /** Sessions from the store of whose client nobody knows how long it has been away. */
  readonly #unknownSince = new WeakSet<Session>()

  constructor(ports: HandoverPorts) {
    this.#ports = ports
  }

  // ---- the directory

  get directory(): SessionDirectory | undefined {
    return this.#directory
  }

  /** From now on there are other nodes. They are told of all sessions that there are. */
  join(directory: SessionDirectory): void {
    this.#directory = directory
    directory.attach(this)
    this.#tell(directory, this.#ports.sessions.all()[Symbol.iterator]())
  }

  #tell(directory: SessionDirectory, sessions: Iterator<Session>): void {
    for (let left = TOLD_PER_TURN; left > 0; left--) {
      const next = sessions.next()
      if (next.done === true || this.#directory !== directory) return
      const { clientId, leftAtMs } = next.value
      directory.present(clientId, this.#unknownSince.has(next.value) ? 0 : leftAtMs)
    }
    this.#ports.defer(() => this.#tell(directory, sessions))
  }

  /** A session of the store whose client was connected when the process ended: every other node may know of a newer one. */
  restored(session: Session): void {
    this.#unknownSince.add(session)
  }

  /** A client has connected. */
  present(clientId: string): void {
    this.#directory?.present(clientId)
  }

  /** A session is over. */
  absent(clientId: string): void {
    if (this.#directory === undefined) return
    this.#dropOffer(clientId)
    this.#directory.absent(clientId)
  }

  // ---- a client comes to this node

  /** Fetches what another node has of this client; `undefined` if there is nothing to wait for. */
  fetch(clientId: string, successor: Successor, waiting: Waiting): Promise<Fetched> | undefined {
    if (this.#directory === undefined) return undefined
    const pending = this.#pending.get(clientId)
    if (pending !== undefined) {
      pending.waiting.takenOver()
      pending.waiting = waiting
      return pending.done
    }
    const node = this.#directory.ownerOf(clientId)
    if (node === undefined) return undefined
    const done = this.#fetch(this.#directory, node, clientId, successor).finally(() => this.#pending.delete(clientId))
    this.#pending.set(clientId, { waiting, done })
    return done
  }

  /** To be called when a client is about to take up what is here: it has come back, and nobody else gets it. */
  returned(clientId: string): void {
    if (this.#directory === undefined) return
    this.#lingering.get(clientId)?.end()
    this.#withdraw(clientId)
  }

  async #fetch(directory: SessionDirectory, node: string, clientId: string, successor: Successor): Promise<Fetched> {
    const { log } = this.#ports
    let session: Session
    try {
      const handed = await directory.take(node, clientId, successor)
      if (handed === undefined) return fetched
      session = await this.#import(clientId, handed)
    } catch (error) {
      log.warn({ clientid: clientId, member: node, err: error }, 'session_handover_failed')
      return fetched
    }
    if (!(await this.#isOnDisk())) {
      this.#end(session)
      log.error({ clientid: clientId, member: node, reason: 'the disk takes nothing' }, 'session_handover_failed')
      return { type: 'refused', words: 'the node can not keep your session: its disk takes nothing' }
    }
    return this.#confirm(directory, node, session)
  }

  async #confirm(directory: SessionDirectory, node: string, session: Session): Promise<Fetched> {
    const { clock, log } = this.#ports
    const { clientId } = session
    const endArrivals = (): void => session.endArrivals(clock.nowMs())
    clock.after(HELD_MS, endArrivals)
    clock.after(ARRIVALS_MS, () => void (session.arrivals = undefined))
    for (let attempt = 1; attempt <= CONFIRM_ATTEMPTS; attempt++) {
      try {
        const confirmation = await directory.confirm(node, clientId)
        if (confirmation.type === 'refused') {
          log.info({ clientid: clientId, member: node, reason: confirmation.words }, 'session_handover_refused')
          this.#end(session)
          return { type: 'refused', words: 'another connection with this ClientID' }
        }
        if (confirmation.late !== undefined) this.#addLate(session, confirmation.late)
        directory.present(clientId)
        return fetched
      } catch (error) {
        // If it is there still, it will hear of our claim, and give up what it has.
        log.warn({ clientid: clientId, member: node, err: error }, 'session_handover_unconfirmed')
      }
    }
    // Nobody hands anything on.
    endArrivals()
    directory.present(clientId)
    return fetched
  }

  /** As if the client had just gone: it is there in a moment. */
  async #import(clientId: string, bytes: Buffer): Promise<Session> {
    const { clock, counters, journal, limits, sessions, table } = this.#ports
    const handed = decodeHandover(bytes, clock.nowMs())
    if (handed.publisher.clientId !== clientId) throw new Error('the session of another client was handed out')
    const session = new Session(handed.publisher, handed.expiryIntervalMs, limits, counters)
    session.arrivals = new Arrivals()
    let left = SUBSCRIPTIONS_PER_TURN
    for (const { name, options } of handed.subscriptions) {
      const parsed = parseSubscription(name)
      if (parsed.type !== 'invalid') table.put(session, name, parsed, options)
      if (left-- > 0) continue
      await this.#nextTurn()
      left = SUBSCRIPTIONS_PER_TURN
    }
    this.#lingering.get(clientId)?.end()
    this.#replace(clientId)
    const arrived = session.takeQueue()
    const nowMs = clock.nowMs()
    session.leftAtMs = nowMs
    this.#ports.lives.keep(session)
    for (const packetId of handed.awaitingRel) session.awaitRel(packetId)
    for (const one of handed.unacknowledged) {
      if (one.type === 'pubrel') session.takeOver(one)
      else session.takeOver({ ...one, queued: queuedOf(table, one.message) })
    }
    session.stored?.touch()
    for (const message of handed.retained) session.takeOverRetained(queuedOf(table, message))
    for (const message of handed.queue) session.takeOverQueued(queuedOf(table, message), nowMs)
    for (const queued of arrived) session.takeOverQueued(queued, nowMs)
    const { stored } = session
    if (stored !== undefined) for (const name of session.subscriptions.keys()) journal.subscriptionChanged(stored, name)
    counters.sessions.add(1)
    sessions.restore(session)
    return session
  }

  /** What we have of the client is older than what was just handed to us. */
  #replace(clientId: string): void {
    const session = this.#ports.sessions.get(clientId)
    if (session === undefined) return
    session.outlet?.takenOver()
    if (this.#ports.sessions.get(clientId) === session) this.#supersede(session, undefined)
  }

  #addLate(session: Session, late: Buffer): void {
    const nowMs = this.#ports.clock.nowMs()
    const messages = decodeLate(late, nowMs)
    for (const message of messages) session.takeOverLate(queuedOf(this.#ports.table, message), nowMs)
    if (messages.length === 0) session.endArrivals(nowMs)
  }

  /** Whether all that was recorded so far is on disk, once that is known; `true` where nothing is kept. */
  #isOnDisk(): Promise<boolean> {
    const { journal } = this.#ports
    // With nothing recorded there would be no commit to wait for, and the other node would wait for our answer.
    if (!journal.isOpen || journal.isIdle) return Promise.resolve(true)
    const { gatheringCommit } = journal
    return new Promise((resolve) =>
      journal.wait({
        committed: (commit) => {
          if (commit < gatheringCommit) return true
          resolve(true)
          return false
        },
        failed: () => {
          resolve(false)
          return false
        },
      }),
    )
  }

  // ---- a client has gone to another node

  /**
   * Another node asks for a session: its connection is closed, and its will is published as for a takeover on one node. Resolves
   * to what is handed out, which stays here until it is confirmed; `undefined` if nothing is.
   */
  async release(node: string, clientId: string, { cleanStart, username }: Successor): Promise<Buffer | undefined> {
    const { clock, counters, log, sessions } = this.#ports
    const pending = this.#pending.get(clientId)
    if (pending !== undefined) {
      await pending.done
      // Its connection first becomes that of the session.
      await this.#nextTurn()
    }
    const session = sessions.get(clientId)
    if (session === undefined) return undefined
    if (session.outlet !== undefined) counters.sessionsTakenOver++
    session.outlet?.takenOver()
    if (sessions.get(clientId) !== session) return undefined
    this.#withdraw(clientId)
    if (cleanStart || !this.#ports.lives.isOwner(session, username)) {
      counters.sessionsDiscarded++
      sessions.end(session)
      return undefined
    }
    sessions.suspend(session)
    const timer = clock.after(OFFER_MS, () => this.#withdraw(clientId))
    const queued = session.takeQueue()
    this.#offers.set(clientId, { node, session, queued, timer })
    const handed = handedSession(session, queued)
    const left = queued.length - handed.queue.length
    if (left > 0) log.warn({ clientid: clientId, member: node, lost: left }, 'session_handover_truncated')
    counters.droppedQueueFull += left
    const steps = encodeHandover(handed, clock.nowMs())
    for (;;) {
      const step = steps.next()
      if (step.done === true) return step.value
      await this.#nextTurn()
    }
  }

  /** The other node has the session on disk: it is forgotten here, but for what still comes for it. */
  confirmed(node: string, clientId: string): Confirmation {
    const lingering = this.#lingering.get(clientId)
    if (lingering?.node === node) return { type: 'confirmed', late: lingering.firstLate }
    const offer = this.#offers.get(clientId)
    const session = this.#ports.sessions.get(clientId)
    if (offer !== undefined && offer.node !== node)
      return { type: 'refused', words: `it was handed to ${offer.node} meanwhile` }
    if (offer === undefined && session?.outlet !== undefined)
      return { type: 'refused', words: 'its client is connected here again' }
    // After a restart nobody remembers the offer, and the new node wins.
    if (session === undefined) return { type: 'confirmed', late: undefined }
    return { type: 'confirmed', late: this.#moved(session, node, offer) }
  }

  /** The session is the other node's. Returns what it is to be told with that. */
  #moved(session: Session, node: string, offer: Offer | undefined): Buffer | undefined {
    const { clientId } = session
    const late = session.takeQueue()
    const nowMs = this.#ports.clock.nowMs()
    const firstLate = offer === undefined || late.length === 0 ? undefined : encodeLate(late.map(handedMessage), nowMs)
    // All of them are done with here.
    this.#withdraw(clientId)
    for (const queued of late) session.queue.push(queued)
    this.#forget(session)
    for (const { name, group } of session.subscriptions.values())
      if (group !== undefined) this.#ports.subscriptions.remove(session, name)
    session.takeQueue()
    const directory = this.#directory!
    const lingering = new Lingering(session, node, firstLate, {
      clock: this.#ports.clock,
      forward: (late) => directory.forward(node, clientId, late),
      lost: (count, error) => {
        this.#ports.counters.droppedNotConnected += count
        this.#ports.log.warn(
          { clientid: clientId, member: node, lost: count, err: error },
          'session_late_messages_lost',
        )
      },
      ended: () => {
        this.#lingering.delete(clientId)
        this.#ports.subscriptions.removeAll(session)
      },
    })
    this.#lingering.set(clientId, lingering)
    directory.absent(clientId)
    return firstLate
  }

  /** Messages that the old node still got. Resolves when they are as safe as they were there; rejects if nobody has the session. */
  async late(clientId: string, bytes: Buffer): Promise<void> {
    const session = this.#ports.sessions.get(clientId) ?? this.#lingering.get(clientId)?.session
    if (session === undefined) throw new Error(`no session of ${clientId}`)
    this.#addLate(session, bytes)
    if (!(await this.#isOnDisk())) throw new Error('the disk takes nothing')
  }

  /** Another node has a newer session of this client, and has not confirmed that it took over ours. */
  superseded(clientId: string, node: string): void {
    const { sessions } = this.#ports
    if (this.#pending.has(clientId)) return
    const session = sessions.get(clientId)
    if (session === undefined) return
    session.outlet?.takenOver()
    if (sessions.get(clientId) === session) this.#supersede(session, node)
  }

  #supersede(session: Session, node: string | undefined): void {
    const { counters, log } = this.#ports
    this.#withdraw(session.clientId)
    const lost = session.unsentCount
    counters.droppedNotConnected += lost
    log.warn({ clientid: session.clientId, member: node, lost }, 'session_superseded')
    this.#end(session)
    this.#directory?.absent(session.clientId)
  }

  // ---- both

  #nextTurn(): Promise<void> {
    return new Promise((resolve) => this.#ports.defer(resolve))
  }

  /** Stops all timers. */
  close(): void {
    for (const { timer } of this.#offers.values()) timer.cancel()
    for (const lingering of this.#lingering.values()) lingering.close()
    this.#offers.clear()
    this.#lingering.clear()
    this.#directory = undefined
  }

  /** The session stays after all. */
  #withdraw(clientId: string): void {
    const offer = this.#dropOffer(clientId)
    if (offer === undefined) return
    const { session, queued } = offer
    for (const one of [...queued, ...session.takeQueue()]) session.queue.push(one)
    if (session.outlet === undefined) this.#ports.sessions.restore(session)
  }

  #dropOffer(clientId: string): Offer | undefined {
    const offer = this.#offers.get(clientId)
    offer?.timer.cancel()
    this.#offers.delete(clientId)
    return offer
  }

  /** Nothing is left of the session, and nobody inherits anything of it. */
  #end(session: Session): void {
    this.#forget(session)
    this.#ports.subscriptions.removeAll(session)
  }

  /** Its subscriptions stay, but nothing of it does in the store. */
  #forget(session: Session): void {
    const { counters, journal, sessions } = this.#ports
    const { stored } = session
    sessions.forget(session)
    if (stored !== undefined) for (const name of session.subscriptions.keys()) journal.subscriptionChanged(stored, name)
    session.end()
    session.stored = undefined
    counters.sessions.add(-1)
    counters.sessionsTerminated++
  }
}
