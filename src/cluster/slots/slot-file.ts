/** The slot that this node had last, in its data directory: what it starts with when nobody can be asked. */
import { join } from 'node:path'
import { z } from 'zod'
import { type Files, systemFiles } from '../files.ts'
import { KeptFile, readKept } from '../kept-file.ts'
import { SLOT_MAX } from './slot-record.ts'

const FILE = 'slot.json'
const schema = z.object({ slot: z.int().min(1).max(SLOT_MAX) })

/** Where a node remembers its slot over its restarts. */
export interface SlotMemory {
  recall(): number | undefined
  remember(slot: number): Promise<void>
}

export class SlotFile implements SlotMemory {
  readonly #file: KeptFile
  readonly #slot: number | undefined

  /**
   * A damaged file is none: the slot is on record elsewhere.
   * @param dataDir `node.data_dir`, which is there. Throws `ClusterError` if the file can't be read.
   */
  constructor(dataDir: string, files: Files = systemFiles) {
    const path = join(dataDir, FILE)
    this.#file = new KeptFile(files, path)
    const kept = readKept(files, path)
    this.#slot = kept.type === 'kept' ? schema.safeParse(kept.value).data?.slot : undefined
  }

  /** The one that was remembered when this process started. */
  recall(): number | undefined {
    return this.#slot
  }

  /** Rejects with `ClusterError` if it can't be written. */
  remember(slot: number): Promise<void> {
    return this.#file.write({ slot })
  }
}
