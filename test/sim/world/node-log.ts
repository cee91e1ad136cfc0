/** What a node says, of all its processes: kept as far as it tells what happened. */
import type { Logger } from '../../../src/broker/logger.ts'
import type { SimulatedProcess } from './simulated-process.ts'

export type LogLine = {
  /** Milliseconds since the simulation began. */
  readonly atMs: number
  readonly level: 'info' | 'warn' | 'error'
  readonly event: string
  readonly fields: object
}

const LINES_MAX = 400

export class NodeLog {
  /** The last ones. */
  readonly lines: LogLine[] = []
  /** How often each event was told, of all levels but `debug`. */
  readonly counts = new Map<string, number>()
  /** All of them. */
  told = 0
  /** Why processes ended by themselves. */
  readonly failures: Error[] = []
  #beganMs = 0

  begin(process: SimulatedProcess): void {
    if (this.#beganMs === 0) this.#beganMs = process.steadyMs()
  }

  of(process: SimulatedProcess): Logger {
    const at = (level: LogLine['level']) => (fields: object, event: string) => this.#add(process, level, event, fields)
    return { debug: () => undefined, info: at('info'), warn: at('warn'), error: at('error') }
  }

  failed(process: SimulatedProcess, error: unknown): void {
    const failure = error instanceof Error ? error : new Error(String(error))
    this.failures.push(failure)
    this.#add(process, 'error', 'process_ended', { err: failure })
  }

  #add(process: SimulatedProcess, level: LogLine['level'], event: string, fields: object): void {
    this.told += 1
    this.counts.set(event, (this.counts.get(event) ?? 0) + 1)
    if (this.lines.length === LINES_MAX) this.lines.shift()
    this.lines.push({ atMs: process.steadyMs() - this.#beganMs, level, event, fields })
  }
}
