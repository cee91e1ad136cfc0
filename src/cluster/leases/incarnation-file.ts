/**
 * The highest incarnation of each lease that this node knows of, kept in its data directory: should everything that the nodes have on
 * record be lost, none of them begins below what was used before. One small file for all leases.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { ClusterError } from '../cluster-error.ts'
import { type Files, systemFiles } from '../files.ts'
import { KeptFile, readKept } from '../kept-file.ts'

const FILE = 'lease-incarnations.json'
const schema = z.record(z.string(), z.int().nonnegative())

/** Where a node remembers incarnations over its restarts. */
export interface IncarnationMemory {
  /** The highest that was remembered; 0 if none was. */
  recall(name: string): number
  /** Resolves when it will be known after a crash. */
  remember(name: string, incarnation: number): Promise<void>
}

export class IncarnationFile implements IncarnationMemory {
  readonly #file: KeptFile
  readonly #highest: Map<string, number>

  /** @param dataDir `node.data_dir`, which is there. Throws `ClusterError` if the file can't be read. */
  constructor(dataDir: string, files: Files = systemFiles) {
    const path = join(dataDir, FILE)
    this.#file = new KeptFile(files, path)
    this.#highest = new Map(Object.entries(readHighest(files, path)))
  }

  recall(name: string): number {
    return this.#highest.get(name) ?? 0
  }

  /** Rejects with `ClusterError` if it can't be written. */
  async remember(name: string, incarnation: number): Promise<void> {
    if (incarnation <= this.recall(name)) return
    this.#highest.set(name, incarnation)
    await this.#file.write(Object.fromEntries(this.#highest))
  }
}

function readHighest(files: Files, path: string): Record<string, number> {
  const kept = readKept(files, path)
  if (kept.type === 'none') return {}
  const parsed = kept.type === 'kept' ? schema.safeParse(kept.value) : undefined
  if (parsed?.success === true) return parsed.data
  throw new ClusterError(
    'DATA_DIR_UNUSABLE',
    `node.data_dir: ${path} is damaged; delete it if the records of the cluster are still there`,
  )
}
