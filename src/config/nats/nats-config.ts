/** `cluster.nats` after parsing. */
import type { SslConfig } from '../ssl-config.ts'

export type NatsConfig = {
  /** As written: `nats://host:port`, `tls://host:port` or `host:port`. */
  readonly servers: readonly string[]
  /** Absolute path of a file with a user's JWT and seed, as `nsc` writes it. Read again at each connection. */
  readonly credentials?: string
  readonly user?: string
  /** The secret itself, already read if the file says `file://...`. */
  readonly password?: string
  /** The seed itself, already read if the configuration names a file. */
  readonly nkey?: string
  readonly tls: SslConfig
  /** Of all subjects and of the KV bucket: may hold dots. */
  readonly prefix: string
  /** Of the KV bucket; as many as the NATS cluster has servers, at most 3, if not set. */
  readonly replicas?: number
}
