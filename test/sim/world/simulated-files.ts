/** Small files on a simulated disk. They are kept for good once written; a process that dies meanwhile leaves the old one. */
import { ClusterError } from '../../../src/cluster/cluster-error.ts'
import type { Files } from '../../../src/cluster/files.ts'
import type { ProcessTurns } from './process-turns.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What became of the disk when something is to be written. */
export type FileFaults = {
  /** Asked once for each write. */
  readonly isFullNow: () => boolean
  readonly nextCommitMs: () => number
}

/** What is on the disk. */
export class KeptFiles {
  readonly bytes = new Map<string, Buffer>()
  readonly directories = new Set<string>()

  constructor() {
    this.wipe()
  }

  wipe(): void {
    this.bytes.clear()
    this.directories.clear()
    for (const root of ['.', '/']) this.directories.add(root)
  }
}

/** As one process of the node sees them. */
export class SimulatedFiles implements Files {
  readonly #kept: KeptFiles
  readonly #faults: FileFaults
  readonly #process: ProcessTurns
  readonly #time: VirtualTime

  constructor(kept: KeptFiles, faults: FileFaults, process: ProcessTurns, time: VirtualTime) {
    this.#kept = kept
    this.#faults = faults
    this.#process = process
    this.#time = time
  }

  makeDirectory(path: string): void {
    const { directories } = this.#kept
    for (let at = path; !directories.has(at); at = directoryOf(at)) directories.add(at)
  }

  read(path: string): Buffer | undefined {
    const bytes = this.#kept.bytes.get(path)
    return bytes === undefined ? undefined : Buffer.from(bytes)
  }

  replace(path: string, bytes: string | Uint8Array): void {
    const failure = this.#failure(path)
    if (failure !== undefined) throw failure
    this.#kept.bytes.set(path, Buffer.from(bytes))
  }

  replaceSoon(path: string, bytes: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const ms = this.#faults.nextCommitMs()
      const later = (call: () => void): void => void this.#time.after(ms / 2, () => this.#process.turn(call))
      // It is there before its process knows, and who is killed between the two finds it.
      later(() => {
        const failure = this.#failure(path)
        if (failure === undefined) this.#kept.bytes.set(path, Buffer.from(bytes))
        later(() => (failure === undefined ? resolve() : reject(failure)))
      })
    })
  }

  remove(path: string): void {
    this.#kept.bytes.delete(path)
  }

  #failure(path: string): ClusterError | undefined {
    if (!this.#kept.directories.has(directoryOf(path))) return unusable(path, 'ENOENT: no such file or directory')
    return this.#faults.isFullNow() ? unusable(path, 'ENOSPC: no space left on device') : undefined
  }
}

function directoryOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '.' : path.slice(0, Math.max(slash, 1))
}

function unusable(path: string, words: string): ClusterError {
  return new ClusterError('DATA_DIR_UNUSABLE', `node.data_dir: can't write ${path}: ${words}`)
}
