/** All sessions of the node, one per ClientID: taken up, taken over, left, expired. */
import type { Clock, Timer } from '../clock.ts'
import type { Session } from './session.ts'

export class Sessions {
  readonly #clock: Clock
  readonly #byClientId = new Map<string, Session>()
  /** Timers of sessions whose client is away: for their end, and for their will. */
  readonly #ends = new Map<Session, Timer>()
  readonly #wills = new Map<Session, Timer>()
  readonly #publishWill: (session: Session) => void
  readonly #ended: (session: Session, isExpired: boolean) => void
  readonly #left: (session: Session) => void

  /**
   * @param effects `publishWill`: the will of this session is due; it takes it off the session. `ended`: the session is
   * over, its subscriptions and queue go. `left`: its client is away, and it goes on.
   */
  constructor(
    clock: Clock,
    effects: {
      publishWill: (session: Session) => void
      /** @param isExpired whether its client did not come back in time */
      ended: (session: Session, isExpired: boolean) => void
      left: (session: Session) => void
    },
  ) {
    this.#clock = clock
    this.#publishWill = effects.publishWill
    this.#ended = effects.ended
    this.#left = effects.left
  }

  get count(): number {
    return this.#byClientId.size
  }

  all(): Iterable<Session> {
    return this.#byClientId.values()
  }

  get(clientId: string): Session | undefined {
    return this.#byClientId.get(clientId)
  }

  add(session: Session): void {
    this.#byClientId.set(session.clientId, session)
  }

  /** Neither will nor end until it is resumed, restored or over. */
  suspend(session: Session): void {
    this.#ends.get(session)?.cancel()
    this.#ends.delete(session)
    this.#wills.get(session)?.cancel()
    this.#wills.delete(session)
  }

  /** The session goes on elsewhere: it is over here without its will. Its subscriptions and messages are the caller's to end. */
  forget(session: Session): void {
    this.suspend(session)
    session.will = undefined
    if (this.#byClientId.get(session.clientId) === session) this.#byClientId.delete(session.clientId)
  }

  /** The client is back in time: neither will nor end. */
  resume(session: Session): void {
    this.suspend(session)
    session.will = undefined
    session.leftAtMs = undefined
  }

  /** The connection is gone. A will that the client still has is due after its delay, or when the session ends, whichever is first [MQTT-3.1.3-9]. */
  leave(session: Session): void {
    if (session.expiryIntervalMs <= 0) return this.end(session)
    session.leftAtMs = this.#clock.nowMs()
    if (session.will !== undefined && session.will.delayMs <= 0) this.#publishWill(session)
    this.#arm(session, 0)
    this.#left(session)
  }

  /**
   * Takes up a session that was on disk. Its client has been away since `leftAtMs` by the wall clock, for it is by that
   * clock that people reckon how long a session may last, and no other goes on while the node is down.
   */
  restore(session: Session): void {
    const nowMs = this.#clock.nowMs()
    session.leftAtMs ??= nowMs
    this.add(session)
    this.#arm(session, Math.max(0, nowMs - session.leftAtMs))
  }

  #arm(session: Session, goneMs: number): void {
    const { will, expiryIntervalMs } = session
    const after = (ms: number, call: () => void): Timer => this.#clock.after(Math.max(0, ms - goneMs), call)
    if (will !== undefined && will.delayMs < expiryIntervalMs)
      this.#wills.set(
        session,
        after(will.delayMs, () => this.#publishWill(session)),
      )
    if (expiryIntervalMs < Number.POSITIVE_INFINITY)
      this.#ends.set(
        session,
        after(expiryIntervalMs, () => this.end(session, true)),
      )
  }

  /** The session is over now. */
  end(session: Session, isExpired = false): void {
    this.suspend(session)
    if (this.#byClientId.get(session.clientId) === session) this.#byClientId.delete(session.clientId)
    if (session.will !== undefined) this.#publishWill(session)
    this.#ended(session, isExpired)
  }

  /** Stops all timers. */
  close(): void {
    for (const timer of [...this.#ends.values(), ...this.#wills.values()]) timer.cancel()
    this.#ends.clear()
    this.#wills.clear()
  }
}
