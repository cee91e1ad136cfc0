/** Small files of the data directory, each replaced as a whole: a crash leaves the old one or the new one. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ClusterError } from './cluster-error.ts'

/** Throws, or rejects with, `ClusterError` `DATA_DIR_UNUSABLE` where something can't be done. */
export interface Files {
  /** With those above it; nothing happens if it is there. */
  makeDirectory(path: string): void
  /** `undefined` if there is none. */
  read(path: string): Buffer | undefined
  /** It is on the disk when this returns. */
  replace(path: string, bytes: string | Uint8Array, options?: ReplaceOptions): void
  /** Resolves when it is on the disk; other work goes on meanwhile. One at a time for each file. */
  replaceSoon(path: string, bytes: string): Promise<void>
  /** Nothing happens if there is none. */
  remove(path: string): void
}

export type ReplaceOptions = {
  /** Nobody but its owner may read it. */
  readonly isSecret?: boolean
}

/** Those of the machine. */
export const systemFiles: Files = {
  makeDirectory: (path) =>
    attempt('make the directory', path, () => {
      mkdirSync(path, { recursive: true })
    }),
  read: (path) =>
    attempt('read', path, () => {
      try {
        return readFileSync(path)
      } catch (cause) {
        if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
        throw cause
      }
    }),
  replace: (path, bytes, { isSecret = false } = {}) =>
    attempt('write', path, () => {
      const draft = draftOf(path)
      // The mode counts for a new file alone.
      rmSync(draft, { force: true })
      writeFileSync(draft, bytes, { flush: true, ...(isSecret ? { mode: 0o600 } : {}) })
      renameSync(draft, path)
      syncDirectoryOf(path)
    }),
  async replaceSoon(path, bytes) {
    try {
      const draft = draftOf(path)
      const handle = await open(draft, 'w')
      try {
        await handle.writeFile(bytes)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(draft, path)
      await syncDirectoryOfSoon(path)
    } catch (cause) {
      throw unusable('write', path, cause)
    }
  },
  remove: (path) => attempt('remove', path, () => rmSync(path, { force: true })),
}

type Deed = 'make the directory' | 'read' | 'write' | 'remove'

function attempt<T>(deed: Deed, path: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw unusable(deed, path, cause)
  }
}

/** A name is on the disk only when its directory is: without that the power may fail, and the old file be there again. */
function syncDirectoryOf(path: string): void {
  const directory = openSync(dirname(path), 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

async function syncDirectoryOfSoon(path: string): Promise<void> {
  const directory = await open(dirname(path), 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

function draftOf(path: string): string {
  return `${path}.new`
}

function unusable(deed: Deed, path: string, cause: unknown): ClusterError {
  const words = cause instanceof Error ? cause.message : String(cause)
  return new ClusterError('DATA_DIR_UNUSABLE', `node.data_dir: can't ${deed} ${path}: ${words}`, { cause })
}
