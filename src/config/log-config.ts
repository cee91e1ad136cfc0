/** What is logged, of which part of the node. */
import { oneOf, section } from './fields.ts'

/** Our levels are pino's; EMQX's other words for them are taken too. */
const logLevels = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  notice: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  critical: 'fatal',
  alert: 'fatal',
  emergency: 'fatal',
  fatal: 'fatal',
  silent: 'silent',
} as const

export type LogLevel = (typeof logLevels)[keyof typeof logLevels]

/** Parts of a node that may have a level of their own; `node`: its start, its end, and what belongs to no other. */
export const logComponents = ['node', 'broker', 'link', 'cluster', 'store', 'api', 'debug', 'config'] as const
export type LogComponent = (typeof logComponents)[number]

export type LogConfig = {
  readonly level: LogLevel
  /** Of parts that are to say more, or less, than the rest. */
  readonly levels: Readonly<Partial<Record<LogComponent, LogLevel | undefined>>>
}

function logLevel() {
  return oneOf([
    'trace',
    'debug',
    'info',
    'notice',
    'warn',
    'warning',
    'error',
    'critical',
    'alert',
    'emergency',
    'fatal',
    'silent',
  ])
}

const ofPart = logLevel()
  .transform((word) => logLevels[word])
  .optional()

export const logSchema = section({
  level: logLevel()
    .default('info')
    .transform((word) => logLevels[word]),
  levels: section({
    node: ofPart,
    broker: ofPart,
    link: ofPart,
    cluster: ofPart,
    store: ofPart,
    api: ofPart,
    debug: ofPart,
    config: ofPart,
  }).prefault({}),
})
