/** The part of a pino logger that a cluster uses. */
export type ClusterLog = Record<'debug' | 'info' | 'warn' | 'error', (fields: object, event: string) => void>
