/** How sessions begin, are taken up again, and end: for a client that connects, from the store, and when they are over. */
import type { Publication } from '../../packets/publication.ts'
import { parseSubscription } from '../../topics/subscription.ts'
import type { Authenticator } from '../access/authenticator.ts'
import type { Authorizer, ClientAccess } from '../access/authorizer.ts'
import type { Identity } from '../access/client-info.ts'
import type { Clock } from '../clock.ts'
import type { ConnectTerms } from '../connection/connect.ts'
import type { Counters } from '../counters.ts'
import type { Journal } from '../durable/journal.ts'
import type { LoadedSession } from '../durable/load.ts'
import type { Limits } from '../limits/limits.ts'
import type { Logger } from '../logger.ts'
import type { LocalInterest } from '../members/local-interest.ts'
import { Session } from './session.ts'
import type { Sessions } from './sessions.ts'
import type { ShareGroup } from './subscription.ts'
import type { SubscriptionTable } from './subscription-table.ts'
import type { Subscriptions } from './subscriptions.ts'

/** Who knows which node has the session of a client. */
export interface SessionWhereabouts {
  /** The client is here. */
  returned(clientId: string): void
  /** Nobody knows how long the client of this session has been away. */
  restored(session: Session): void
  /** There is no session of it here any more. */
  absent(clientId: string): void
}

export type SessionLivesPorts = {
  readonly sessions: Sessions
  readonly subscriptions: Subscriptions
  readonly table: SubscriptionTable
  readonly localInterest: LocalInterest
  readonly journal: Journal
  readonly limits: Limits
  readonly counters: Counters
  readonly clock: Pick<Clock, 'nowMs'>
  readonly log: Logger
  readonly handovers: () => SessionWhereabouts
  /** Who is asked now who a client is, and what it may do. */
  readonly authenticator: () => Authenticator
  readonly authorizer: () => Authorizer
  /** Index of a member of a group among so many; `undefined`: they take turns. */
  readonly pickMember: () => ((memberCount: number) => number) | undefined
  /** Hands what a session held for a group on to another node, if one has members of it. */
  readonly handOn: (publication: Publication, group: ShareGroup, nowMs: number) => void
}

export class SessionLives {
  readonly #ports: SessionLivesPorts

  constructor(ports: SessionLivesPorts) {
    this.#ports = ports
  }

  /**
   * The session of this ClientID: the one that there is, or a new one. Whoever held it before is disconnected
   * [MQTT-3.1.4-3]. What was subscribed with rights that the client no longer has is not taken up again.
   */
  take(terms: ConnectTerms, { peerHost }: Identity, access: ClientAccess): { session: Session; isResumed: boolean } {
    const { sessions, subscriptions, counters, limits, handovers, authorizer } = this.#ports
    handovers().returned(terms.clientId)
    const publisher = { clientId: terms.clientId, username: terms.username, peerHost }
    if (sessions.get(terms.clientId)?.outlet !== undefined) counters.sessionsTakenOver++
    sessions.get(terms.clientId)?.outlet?.takenOver()
    const session = sessions.get(terms.clientId)
    if (session !== undefined && !terms.cleanStart && this.isOwner(session, terms.username)) {
      sessions.resume(session)
      session.publisher = publisher
      session.expiryIntervalMs = terms.sessionExpiryMs
      this.keep(session)
      if (!authorizer().isOpen) subscriptions.withdraw(session, access)
      counters.sessionsResumed++
      return { session, isResumed: true }
    }
    if (session !== undefined) {
      counters.sessionsDiscarded++
      sessions.end(session)
    }
    counters.sessionsCreated++
    counters.sessions.add(1)
    const fresh = new Session(publisher, terms.sessionExpiryMs, limits, counters)
    sessions.add(fresh)
    this.keep(fresh)
    return { session: fresh, isResumed: false }
  }

  /** Sees to it that the session is on disk if it is to outlive its connection, and only then. */
  keep(session: Session): void {
    this.#ports.localInterest.sessionChanged(session)
    if (session.expiryIntervalMs <= 0) return session.forsake()
    if (session.stored !== undefined) return session.stored.changed()
    const stored = this.#ports.journal.keep(session)
    if (stored !== undefined) session.keep(stored)
  }

  /** Where users are known, one must not read what was kept for another, whatever ClientID it comes with. */
  isOwner({ publisher, clientId }: Session, username: string | undefined): boolean {
    if (this.#ports.authenticator().isOpen || publisher.username === username) return true
    this.#ports.log.warn(
      { clientid: clientId, username, owner: publisher.username },
      'session_of_another_user_discarded',
    )
    return false
  }

  /** The session is over: nothing is left of it but what other members of its groups inherit. */
  end(session: Session, isExpired: boolean): void {
    const { counters, subscriptions, clock, pickMember, handOn, handovers } = this.#ports
    counters.sessions.add(-1)
    counters.sessionsTerminated++
    if (isExpired) counters.sessionsExpired++
    const held = [...session.heldForGroups()]
    subscriptions.removeAll(session)
    const nowMs = clock.nowMs()
    for (const queued of held) {
      const member = queued.group?.choose(pickMember())
      if (member !== undefined) member.session.inherit(queued, member, nowMs)
      else if (queued.group !== undefined) handOn(queued.publication, queued.group, nowMs)
    }
    session.end()
    handovers().absent(session.clientId)
  }

  /** A session as it was found in the store. */
  restore(loaded: LoadedSession): Session {
    const { journal, limits, counters, table, handovers } = this.#ports
    const session = new Session(loaded.publisher, loaded.expiryIntervalMs, limits, counters)
    const stored = journal.restore(loaded.number, session)
    session.keep(stored)
    session.leftAtMs = loaded.leftAtMs
    if (loaded.leftAtMs === undefined) handovers().restored(session)
    session.will = stored.writtenWill = loaded.will
    for (const packetId of loaded.identifiers.released) session.window.restoreReleased(packetId)
    for (const packetId of loaded.identifiers.awaitingRel) session.awaitingRel.add(packetId)
    for (const { name, options } of loaded.subscriptions) {
      const parsed = parseSubscription(name)
      if (parsed.type !== 'invalid') table.put(session, name, parsed, options)
    }
    counters.sessions.add(1)
    return session
  }
}
