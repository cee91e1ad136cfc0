/**
 * The log of a node, by the part that speaks: each may have a level of its own, in the file and at run time. The last lines are
 * remembered for those who look at the node from elsewhere.
 */
import type { Logger } from '../broker/logger.ts'
import { logComponents, type LogComponent, type LogConfig, type LogLevel } from '../config/log-config.ts'
import type { Tail } from '../api/live/tail.ts'

export type LogLine = {
  /** ISO 8601. */
  readonly at: string
  readonly level: keyof Logger
  readonly component: LogComponent
  readonly event: string
  readonly fields: unknown
}

export type LogLevels = LogConfig['levels']

const ranks: Readonly<Record<LogLevel, number>> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
  silent: Number.POSITIVE_INFINITY,
}
/** Of the fields of a line that is remembered, characters. */
const FIELDS_MAX = 2_048

export class ComponentLog {
  readonly #sink: Logger
  readonly #nowMs: () => number
  readonly #levels = new Map<LogComponent, LogLevel>()
  readonly #loggers = new Map<LogComponent, Logger>()
  /** Where lines are remembered, if they are. */
  tail: Tail<LogLine> | undefined

  /** @param sink with a `level` it is judged by that what a part without a level of its own says; without one everything is written */
  constructor(sink: Logger, levels: LogLevels, nowMs: () => number) {
    this.#sink = sink
    this.#nowMs = nowMs
    this.configure(levels)
  }

  /** What this part of the node logs to. */
  of(component: LogComponent): Logger {
    const known = this.#loggers.get(component)
    if (known !== undefined) return known
    // It is judged here what is written: a part may say more than the rest.
    const sink = unfiltered(this.#sink)
    const write =
      (level: keyof Logger) =>
      (fields: object, event: string): void => {
        if (ranks[level] < ranks[this.levelOf(component)]) return
        sink[level](fields, event)
        this.tail?.add({ at: new Date(this.#nowMs()).toISOString(), level, component, event, fields: plain(fields) })
      }
    const logger = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
    this.#loggers.set(component, logger)
    return logger
  }

  /** Whether the log has a level that can be changed. */
  get hasLevel(): boolean {
    return hasLevel(this.#sink)
  }

  /** Of all parts that have none of their own. */
  get level(): string {
    return hasLevel(this.#sink) ? this.#sink.level : 'trace'
  }

  set level(level: string) {
    if (hasLevel(this.#sink)) this.#sink.level = level
  }

  levelOf(component: LogComponent): LogLevel {
    return this.#levels.get(component) ?? levelIn(this.level)
  }

  /** By part, in the order of `logComponents`. */
  get levels(): Readonly<Record<string, LogLevel>> {
    return Object.fromEntries(logComponents.map((component) => [component, this.levelOf(component)]))
  }

  /** @param level `undefined`: the same as everything else */
  setLevel(component: LogComponent, level: LogLevel | undefined): void {
    if (level === undefined) this.#levels.delete(component)
    else this.#levels.set(component, level)
  }

  /** As the file says; what was changed at run time is forgotten. */
  configure(levels: LogLevels): void {
    this.#levels.clear()
    for (const component of logComponents) this.setLevel(component, levels[component])
  }
}

function levelIn(text: string): LogLevel {
  for (const level of ['debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const) if (level === text) return level
  return 'trace'
}

function hasLevel(log: object): log is { level: string } {
  return 'level' in log && typeof log.level === 'string'
}

/** Pino judges by its own level, too; a child of it has its own. */
function unfiltered(sink: Logger): Logger {
  return isPino(sink) ? sink.child({}, { level: 'trace' }) : sink
}

function isPino(sink: Logger): sink is Logger & { child(bindings: object, options: { level: string }): Logger } {
  return 'child' in sink && typeof sink.child === 'function'
}

/** What is remembered of the fields: nothing that changes later, keeps memory alive, or is long. */
function plain(fields: object): unknown {
  try {
    const text = JSON.stringify(fields, readable)
    return text.length <= FIELDS_MAX ? JSON.parse(text) : { truncated: text.slice(0, FIELDS_MAX) }
  } catch (error) {
    // Whoever wrote the line has it in the log itself.
    return { unreadable: String(error) }
  }
}

function readable(key: string, value: unknown): unknown {
  // The first one of the dashboard is told in the log itself, and to nobody who looks at it from elsewhere.
  if (key === 'password') return '******'
  if (typeof value === 'bigint') return String(value)
  if (!(value instanceof Error)) return value
  return { name: value.name, message: value.message, ...('code' in value ? { code: value.code } : {}) }
}
