/** The configuration of a node on the stage. */
import { join } from 'node:path'
import type { LinkFile, NodeFile } from '../../../src/cli/demo/node-process.ts'

export type NodeOnStage = {
  readonly name: string
  readonly cluster: string
  readonly port: number
  readonly directory: string
  readonly links: readonly LinkFile[]
  readonly nats: string | undefined
  /** Of a listener for links, in which both sides show a certificate. */
  readonly tls?:
    | { readonly port: number; readonly authority: string; readonly certfile: string; readonly keyfile: string }
    | undefined
  /** Where it listens; 127.0.0.1, if left out. */
  readonly address?: string | undefined
  /** More of the file. */
  readonly more: Readonly<Record<string, unknown>>
}

/** However long a client or a peer is away: what waits for it is to be found again, so nothing here is dropped for its number. */
const QUEUE_MAX = 1_000_000

export function nodeFile(node: NodeOnStage) {
  const { name, cluster, port, directory, links, nats, tls, address = '127.0.0.1', more } = node
  return {
    node: { name: `${name}@127.0.0.1`, data_dir: join(directory, 'data') },
    cluster: { name: cluster, links, ...(nats === undefined ? {} : { nats: { servers: [nats] } }) },
    listeners: {
      tcp: { default: { bind: `${address}:${port}` } },
      ...(tls === undefined
        ? {}
        : { ssl: { default: { bind: `${address}:${tls.port}`, ssl_options: sslOptions(tls) } } }),
    },
    debug: { socket: join(directory, 'debug.sock') },
    mqtt: { max_mqueue_len: QUEUE_MAX },
    ...more,
  } satisfies NodeFile & Readonly<Record<string, unknown>>
}

function sslOptions({ authority, certfile, keyfile }: NonNullable<NodeOnStage['tls']>) {
  return { cacertfile: authority, certfile, keyfile, verify: 'verify_peer', fail_if_no_peer_cert: true }
}
