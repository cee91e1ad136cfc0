/** Two nodes of ours and the link between them: publishers at the near one, subscribers at the far one. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Relay } from '../../../src/cli/demo/relay.ts'
import { type LinkFile, type NodeFile, type NodeProcess, startNodeProcess } from '../../../src/cli/demo/node-process.ts'
import { freePort, type Peer } from '../peers.ts'

export type Dialect = 'auto' | 'emqx' | 'native'

/** More keys of a link than demos need. */
export type BenchLink = LinkFile & { readonly dialect: Dialect; readonly durable?: boolean }

export type PairOptions = {
  readonly dialect: Dialect
  /** What the far cluster wants; what the benchmark publishes if left out. */
  readonly topics?: readonly string[] | undefined
  /** What waits at the near node to cross is on its disk before a publisher is told so. */
  readonly isDurable?: boolean | undefined
  /** Between the near node and the port that the far one listens on. */
  readonly relay?: Relay | undefined
  /** Between the far node and the port that the near one listens on. */
  readonly relayBack?: Relay | undefined
  /** Whether the far node begins with its link switched off; `NodeProcess.reload` switches it on. */
  readonly isOff?: boolean | undefined
  /** Whether connections can be cut and paused over the near node's debug socket. */
  readonly hasFaults?: boolean | undefined
}

export type Pair = Peer & {
  readonly near: NodeProcess
  readonly far: NodeProcess
  /** The far node's configuration with its link switched on. */
  readonly farOn: NodeFile
}

/** Resolves when the link runs, or both nodes do if it is off. */
export async function startPair(options: PairOptions, nodeOptions: readonly string[] = []): Promise<Pair> {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-bench-'))
  const [nearPort, farPort] = [await freePort(), await freePort()]
  options.relay?.pointAt(farPort)
  options.relayBack?.pointAt(nearPort)
  const { dialect, topics = ['bench/#'], isOff = false, isDurable = false, hasFaults = false } = options
  const toFar: BenchLink = {
    ...link('far', options.relay?.port ?? farPort, [], dialect),
    ...(isDurable ? { durable: true } : {}),
  }
  const toNear = link('near', options.relayBack?.port ?? nearPort, topics, dialect)
  const farOn = nodeFile('far', farPort, [toNear], directory)
  const farFile = isOff ? nodeFile('far', farPort, [{ ...toNear, enable: false }], directory) : farOn
  const [near, far] = await Promise.all([
    startNodeProcess(nodeFile('near', nearPort, [toFar], directory, hasFaults), directory, nodeOptions),
    startNodeProcess(farFile, directory, nodeOptions),
  ])
  if (!isOff) await Promise.all([near.waitForStatus('far', 'running'), far.waitForStatus('near', 'running')])
  return {
    publishPort: nearPort,
    subscribePort: farPort,
    pids: [near.pid, far.pid],
    near,
    far,
    farOn,
    stop: async () => {
      await Promise.all([near.stop(), far.stop()])
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Where a node of a pair answers questions. */
export function debugSocketOf({ config }: NodeProcess): string {
  return config.debug?.socket ?? ''
}

function link(name: string, port: number, topics: readonly string[], dialect: Dialect): BenchLink {
  return { name, server: `127.0.0.1:${port}`, topics, dialect }
}

function nodeFile(name: string, port: number, links: readonly LinkFile[], directory: string, faults = false): NodeFile {
  return {
    node: { name: `${name}@127.0.0.1`, data_dir: join(directory, name) },
    cluster: { name, links },
    listeners: { tcp: { default: { bind: `127.0.0.1:${port}` } } },
    debug: { socket: join(directory, `${name}.sock`), faults },
  }
}
