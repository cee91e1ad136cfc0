/** A log that remembers, for tests that ask what was said. */
import type { ClusterLog } from '../../src/cluster/cluster-log.ts'

export type LogEntry = { readonly level: keyof ClusterLog; readonly event: string; readonly fields: object }

export class ClusterLogBook implements ClusterLog {
  readonly entries: LogEntry[] = []

  debug(fields: object, event: string): void {
    this.entries.push({ level: 'debug', event, fields })
  }

  info(fields: object, event: string): void {
    this.entries.push({ level: 'info', event, fields })
  }

  warn(fields: object, event: string): void {
    this.entries.push({ level: 'warn', event, fields })
  }

  error(fields: object, event: string): void {
    this.entries.push({ level: 'error', event, fields })
  }

  /** The names of events of one level, oldest first. */
  events(level: keyof ClusterLog): string[] {
    return this.entries.filter((entry) => entry.level === level).map(({ event }) => event)
  }
}
