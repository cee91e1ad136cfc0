/** Where links log: an event name, EMQX's where it has one, with fields. Pino is one. */
export type LinkLog = Readonly<Record<'debug' | 'info' | 'warn' | 'error', (fields: object, event: string) => void>>
