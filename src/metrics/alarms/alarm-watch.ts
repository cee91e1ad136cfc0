/** Looks once a second at what is wrong, and tells when an alarm is raised or cleared: in the log, and under `$SYS/` as EMQX does. */
import type { AlarmConfig } from '../../config/alarm-schema.ts'
import type { SystemTopic } from '../../broker/system-port.ts'
import type { Alarm, Condition } from './alarm.ts'
import { AlarmBook, type AlarmChange, type Now } from './alarm-book.ts'

export type AlarmWatchPorts = {
  readonly node: string
  readonly clock: {
    nowMs(): number
    steadyMs(): number
    after(ms: number, call: () => void): { cancel(): void }
  }
  readonly log: Readonly<Record<'info' | 'warn' | 'error', (fields: object, event: string) => void>>
  /** All that is wrong now. */
  readonly conditions: () => Iterable<Condition>
  readonly publish: (topic: SystemTopic) => void
}

/** With what EMQX has under `details`. */
export type DetailedAlarm = Alarm & { readonly details: Readonly<Record<string, string>> }

const LOOK_MS = 1_000

export class AlarmWatch {
  readonly #ports: AlarmWatchPorts
  readonly #book: AlarmBook
  #timer: { cancel(): void } | undefined

  constructor(ports: AlarmWatchPorts, config: AlarmConfig) {
    this.#ports = ports
    this.#book = new AlarmBook(limitsOf(config))
  }

  configure(config: AlarmConfig): void {
    this.#book.limit(limitsOf(config))
  }

  start(): void {
    this.#timer = this.#ports.clock.after(LOOK_MS, () => {
      this.look()
      this.start()
    })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  look(): void {
    for (const change of this.#book.look(this.#ports.conditions(), this.#now)) this.#tell(change)
  }

  /** Those that are active, in the order in which they were raised. */
  active(): DetailedAlarm[] {
    return this.#book.active(this.#now).map(detailed)
  }

  /** Those that are over and not forgotten, the last one first. */
  past(): DetailedAlarm[] {
    return this.#book.past(this.#now).map(detailed)
  }

  forgetPast(): void {
    this.#book.forgetPast()
  }

  get #now(): Now {
    const { clock } = this.#ports
    return { wallMs: clock.nowMs(), steadyMs: clock.steadyMs() }
  }

  #tell({ type, alarm }: AlarmChange): void {
    const { node, log, publish } = this.#ports
    const { name, kind, link, message } = alarm
    const fields = { name, kind, ...(link === undefined ? {} : { link }) }
    if (type === 'activated') log.warn({ ...fields, message }, 'alarm_is_activated')
    else log.info({ ...fields, duration_ms: alarm.durationMs }, 'alarm_is_deactivated')
    const verb = type === 'activated' ? 'activate' : 'deactivate'
    publish({ topic: `$SYS/brokers/${node}/alarms/${verb}`, payload: JSON.stringify(emqxAlarm(detailed(alarm))) })
  }
}

function limitsOf({ size_limit: pastMax, validity_period: pastMs }: AlarmConfig) {
  return { pastMax, pastMs }
}

/** Times in microseconds. Source: EMQX `emqx_alarm.erl`, `normalize/1`. */
function emqxAlarm({ name, message, activatedAtMs, deactivatedAtMs, details }: DetailedAlarm): object {
  return {
    name,
    details,
    message,
    activate_at: activatedAtMs * 1000,
    deactivate_at: deactivatedAtMs === undefined ? 'infinity' : deactivatedAtMs * 1000,
    activated: deactivatedAtMs === undefined,
  }
}

/** Of a link that is down EMQX tells the resource. */
function detailed(alarm: Alarm): DetailedAlarm {
  const { name, kind, link, reason } = alarm
  if (kind === 'link_down') return { ...alarm, details: { resource_id: name, reason: 'resource_down' } }
  return { ...alarm, details: { kind, reason, ...(link === undefined ? {} : { link }) } }
}
