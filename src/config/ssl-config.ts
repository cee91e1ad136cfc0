/** TLS of a connection that the node opens: of a link, or to a service that it asks. */
export type SslConfig = {
  readonly enable: boolean
  /** PEM files by their absolute paths, or the PEM text itself, which holds `-----BEGIN`. They could be read when the file was. */
  readonly cacertfile?: string
  readonly certfile?: string
  readonly keyfile?: string
  readonly verify: 'verify_peer' | 'verify_none'
  /** Name to ask for and to verify; `disable` turns both off. Default: the host of `server`. */
  readonly server_name_indication?: string
}
