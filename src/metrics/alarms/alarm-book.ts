/**
 * Which alarms are active, and which were. Told from time to time all that is wrong, it raises what is new at once, and clears what has
 * not been wrong for a while: a link that goes up and down each second is one alarm, not one each second. Pure.
 */
import type { Alarm, Condition } from './alarm.ts'

export type AlarmLimits = {
  /** How many alarms that are over are remembered: the oldest makes room. */
  readonly pastMax: number
  /** How long they are, milliseconds. */
  readonly pastMs: number
}

export type AlarmChange = { readonly type: 'activated' | 'deactivated'; readonly alarm: Alarm }

/** Both clocks, milliseconds: one for people, the other for how long. */
export type Now = { readonly wallMs: number; readonly steadyMs: number }

/** How long something must have been right before its alarm is cleared, milliseconds. */
export const STABLE_MS = 30_000

type Active = {
  condition: Condition
  readonly activatedAtMs: number
  readonly activatedSteadyMs: number
  /** When it was wrong last, by the steady clock. */
  lastSeenMs: number
}
type Past = { readonly alarm: Alarm; readonly endedSteadyMs: number }

export class AlarmBook {
  #limits: AlarmLimits
  readonly #active = new Map<string, Active>()
  /** Oldest first. */
  #past: Past[] = []

  constructor(limits: AlarmLimits) {
    this.#limits = limits
  }

  limit(limits: AlarmLimits): void {
    this.#limits = limits
  }

  /**
   * @param conditions all that is wrong now; of several under one name the last counts
   * @returns what changed, in the order in which it is to be told
   */
  look(conditions: Iterable<Condition>, now: Now): AlarmChange[] {
    const changes: AlarmChange[] = []
    for (const condition of conditions) {
      const known = this.#active.get(condition.name)
      if (known !== undefined) {
        known.condition = condition
        known.lastSeenMs = now.steadyMs
        continue
      }
      const active = {
        condition,
        activatedAtMs: now.wallMs,
        activatedSteadyMs: now.steadyMs,
        lastSeenMs: now.steadyMs,
      }
      this.#active.set(condition.name, active)
      changes.push({ type: 'activated', alarm: alarmOf(active, now) })
    }
    for (const [name, active] of this.#active) {
      if (now.steadyMs - active.lastSeenMs < STABLE_MS) continue
      this.#active.delete(name)
      const alarm = { ...alarmOf(active, now), deactivatedAtMs: now.wallMs }
      this.#past.push({ alarm, endedSteadyMs: now.steadyMs })
      changes.push({ type: 'deactivated', alarm })
    }
    this.#forgetOld(now)
    return changes
  }

  /** Those that are active, in the order in which they were raised. */
  active(now: Now): Alarm[] {
    return [...this.#active.values()].map((active) => alarmOf(active, now))
  }

  /** Those that are over and not forgotten, the last one first. */
  past(now: Now): Alarm[] {
    this.#forgetOld(now)
    return this.#past.toReversed().map(({ alarm }) => alarm)
  }

  forgetPast(): void {
    this.#past = []
  }

  #forgetOld({ steadyMs }: Now): void {
    const { pastMax, pastMs } = this.#limits
    let tooMany = Math.max(0, this.#past.length - pastMax)
    while (tooMany < this.#past.length && steadyMs - this.#past[tooMany]!.endedSteadyMs > pastMs) tooMany++
    if (tooMany > 0) this.#past.splice(0, tooMany)
  }
}

function alarmOf({ condition, activatedAtMs, activatedSteadyMs }: Active, { steadyMs }: Now): Alarm {
  return {
    ...condition,
    activatedAtMs,
    deactivatedAtMs: undefined,
    durationMs: Math.round(steadyMs - activatedSteadyMs),
  }
}
