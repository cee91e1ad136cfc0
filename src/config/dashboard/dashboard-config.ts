/** `dashboard` and `api_key` after parsing. */
import type { TlsServerConfig } from '../listeners/listener-config.ts'

export type DashboardConfig = {
  readonly listeners: {
    /** As `parseBind` takes it. */
    readonly http: { readonly bind: string }
    readonly https?: { readonly bind: string; readonly ssl_options: TlsServerConfig }
  }
  /** Of the first user. */
  readonly default_username: string
  /** The secret itself; without it one is made. */
  readonly default_password?: string
  /** How long a login lasts, milliseconds. */
  readonly token_expired_time: number
}

export type ApiKeyConfig = {
  /** By its absolute path: `key:secret[:role]` a line. */
  readonly bootstrap_file?: string
}
