/** All that is to go to disk with the next commit. */
import type { Publication } from '../../packets/publication.ts'
import type { Change } from '../store-port.ts'
import { Batch } from './batch.ts'
import {
  encodeBatch,
  encodeBatchProgress,
  encodeCount,
  encodeIdentifiers,
  encodeRetained,
  encodeSession,
  encodeSubscription,
  encodeWill,
  numberKey,
  progressKey,
  subscriptionKey,
  topicKey,
} from './records.ts'
import type { StoredSession } from './stored-session.ts'

/** Whoever has promised something that a commit is to keep. */
export interface Waiter {
  /** All that was recorded up to this commit is on disk. Returns whether it still waits for a later one. */
  committed(commit: number): boolean
  /** What is not on disk could not be written. Returns whether it waits for another attempt. */
  failed(error: unknown): boolean
}

/** In `meta`: the number of the next session. */
export const NEXT_SESSION_KEY = Buffer.from('next session')

/** What follows from the state of the broker is named only, and read when the commit begins. */
export class Gathering {
  readonly batch = new Batch()
  /** Batches on disk of which something was done. */
  readonly batches: Batch[] = []
  /** Batches of which nothing is left. */
  readonly emptied: number[] = []
  /** Sessions that are new, changed or over. */
  readonly sessions = new Set<StoredSession>()
  /** Sessions whose identifiers of QoS 2 changed. */
  readonly identifiers: StoredSession[] = []
  readonly subscriptions = new Map<StoredSession, Set<string>>()
  /** `undefined`: the topic has none any more. */
  readonly retained = new Map<string, Publication | undefined>()
  /** Number of the next session, if there were new ones. */
  nextSession: number | undefined

  /** Whether there is nothing to write. */
  get isEmpty(): boolean {
    return (
      this.batch.left === 0 &&
      this.batches.length + this.emptied.length + this.identifiers.length === 0 &&
      this.sessions.size + this.subscriptions.size + this.retained.size === 0 &&
      this.nextSession === undefined
    )
  }

  subscriptionChanged(session: StoredSession, name: string): void {
    const names = this.subscriptions.get(session)
    if (names === undefined) this.subscriptions.set(session, new Set([name]))
    else names.add(name)
  }

  /** What could not be written comes before what gathered since. */
  absorb(failed: Gathering): void {
    failed.batch.moveTo(this.batch)
    this.batches.push(...failed.batches)
    this.emptied.push(...failed.emptied)
    for (const session of failed.sessions) {
      session.writtenWill = 'unknown'
      this.sessions.add(session)
    }
    this.identifiers.push(...failed.identifiers)
    for (const [session, names] of failed.subscriptions)
      for (const name of names) this.subscriptionChanged(session, name)
    for (const [topic, publication] of failed.retained)
      if (!this.retained.has(topic)) this.retained.set(topic, publication)
    this.nextSession ??= failed.nextSession
  }

  /** To be called when the commit begins. */
  changes(): Change[] {
    const changes: Change[] = []
    if (this.nextSession !== undefined)
      changes.push({ table: 'meta', key: NEXT_SESSION_KEY, value: encodeCount(this.nextSession) })
    for (const session of this.sessions) pushSession(changes, session)
    for (const [session, names] of this.subscriptions)
      for (const name of names) changes.push(subscriptionChange(session, name))
    for (const { number, session, isEnded } of this.identifiers) {
      const identifiers = { released: session.window.released(), awaitingRel: [...session.awaitingRel] }
      const isEmpty = isEnded || identifiers.released.length + identifiers.awaitingRel.length === 0
      const value = isEmpty ? undefined : encodeIdentifiers(identifiers)
      changes.push({ table: 'progress', key: progressKey.session(number), value })
    }
    for (const [topic, publication] of this.retained)
      changes.push({
        table: 'retained',
        key: topicKey(topic),
        value: publication === undefined ? undefined : encodeRetained(publication),
      })
    this.#pushBatches(changes)
    return changes
  }

  #pushBatches(changes: Change[]): void {
    for (const batch of this.batches) {
      if (batch.left === 0) continue
      changes.push({ table: 'progress', key: progressKey.batch(batch.number), value: encodeBatchProgress(batch) })
    }
    for (const number of this.emptied) {
      changes.push({ table: 'messages', key: numberKey(number), value: undefined })
      changes.push({ table: 'progress', key: progressKey.batch(number), value: undefined })
    }
    const { batch } = this
    if (batch.left > 0) changes.push({ table: 'messages', key: numberKey(batch.number), value: encodeBatch(batch) })
  }
}

function pushSession(changes: Change[], stored: StoredSession): void {
  const { number, session, isEnded } = stored
  const key = numberKey(number)
  changes.push({ table: 'sessions', key, value: isEnded ? undefined : encodeSession(session) })
  if (isEnded) changes.push({ table: 'progress', key: progressKey.session(number), value: undefined })
  const will = isEnded ? undefined : session.will
  if (will === stored.writtenWill) return
  stored.writtenWill = will
  changes.push({ table: 'wills', key, value: will === undefined ? undefined : encodeWill(will) })
}

function subscriptionChange({ number, session, isEnded }: StoredSession, name: string): Change {
  const subscription = isEnded ? undefined : session.subscriptions.get(name)
  return {
    table: 'subscriptions',
    key: subscriptionKey(number, name),
    value: subscription === undefined ? undefined : encodeSubscription(name, subscription),
  }
}
