/**
 * Whether a link is mute: connected, and yet nothing crosses. Pure; time is handed in.
 *
 * Time counts as silence only while there is a connection and something is waited for on it; so an outage is none, however long, and
 * a peer that is mute again after each reconnect is so the sooner for it.
 */

/** Milliseconds. */
export type ProbeTerms = {
  /** From one probe to the next. */
  readonly intervalMs: number
  /** So much silence is called mute. */
  readonly muteMs: number
  /** After so much the connections are opened anew. */
  readonly restartMs: number
  /** From one such restart to the next: at first, and at last, after it has doubled each time. */
  readonly restartPauseMsMin: number
  readonly restartPauseMsMax: number
}

/** A probe every five seconds; three in a row without an answer are silence, six are too many. */
export const defaultProbeTerms: ProbeTerms = {
  intervalMs: 5_000,
  muteMs: 15_000,
  restartMs: 30_000,
  restartPauseMsMin: 60_000,
  restartPauseMsMax: 960_000,
}

/** For how long what is waited for has not come. */
export class Silence {
  /** Since when it is waited for on the connection that there is; `undefined` while nothing is, or there is none. */
  #sinceMs: number | undefined
  #heardMs = Number.NEGATIVE_INFINITY
  /** On connections before. */
  #carriedMs = 0

  /** Something is waited for that was asked at this time. */
  awaits(askedMs: number): void {
    this.#sinceMs ??= Math.max(askedMs, this.#heardMs)
  }

  /** Something of the kind came. What else is waited for is to be said again. */
  heard(nowMs: number): void {
    this.#sinceMs = undefined
    this.#heardMs = nowMs
    this.#carriedMs = 0
  }

  /** Nothing is waited for any more: what was has come without a word. */
  ends(): void {
    if (this.#sinceMs === undefined) return
    this.#sinceMs = undefined
    this.#carriedMs = 0
  }

  /** The connection is gone. */
  down(nowMs: number): void {
    this.#carriedMs = this.ms(nowMs)
    this.#sinceMs = undefined
  }

  /** Nobody could have heard anything meanwhile. */
  forgive(ms: number, nowMs: number): void {
    if (this.#sinceMs !== undefined) this.#sinceMs = Math.min(nowMs, this.#sinceMs + ms)
  }

  ms(nowMs: number): number {
    return this.#carriedMs + (this.#sinceMs === undefined ? 0 : nowMs - this.#sinceMs)
  }

  /** When it will have lasted so long, if nothing comes; `Infinity` while nothing is waited for. */
  reachesMs(ms: number): number {
    return this.#sinceMs === undefined ? Number.POSITIVE_INFINITY : this.#sinceMs + ms - this.#carriedMs
  }

  get isCarried(): boolean {
    return this.#carriedMs > 0
  }
}

/**
 * What is silent: `out`: nothing comes back at all; `acknowledgements`: answers come, acknowledgements don't; `back`: we are
 * acknowledged, and the way on which the peer sends to us is dead.
 */
export type MuteDirection = 'out' | 'acknowledgements' | 'back'

/** How long the one and the other have not come, milliseconds. */
export type Silences = { readonly acksMs: number; readonly answersMs: number }

/** @param way `frame`: acknowledgements and answers may go different ways; `ping`: an answer is of the connection itself */
export function judgeSilence(
  { acksMs, answersMs }: Silences,
  way: 'frame' | 'ping',
  { muteMs }: ProbeTerms,
): MuteDirection | undefined {
  const isAnswerLate = answersMs >= muteMs
  if (way === 'ping' && isAnswerLate) return 'out'
  // Both began at nearly the same time.
  if (acksMs >= muteMs) return answersMs >= muteMs / 2 ? 'out' : 'acknowledgements'
  return isAnswerLate ? 'back' : undefined
}

/** What was done about it before. */
export type Restarts = {
  /** Without anything having come since. */
  readonly count: number
  /** How long ago the last one was, whatever came since; `Infinity`: there was none. */
  readonly lastAgoMs: number
}

/** Whether to open connections anew; what is dead on the peer's side it has to open itself. */
export function shouldRestart(
  direction: MuteDirection,
  silentMs: number,
  { count, lastAgoMs }: Restarts,
  terms: ProbeTerms,
): boolean {
  return direction !== 'back' && silentMs >= terms.restartMs && lastAgoMs >= restartPauseMs(count, terms)
}

export function restartPauseMs(count: number, { restartPauseMsMin, restartPauseMsMax }: ProbeTerms): number {
  return Math.min(restartPauseMsMax, restartPauseMsMin * 2 ** Math.max(0, count - 1))
}
