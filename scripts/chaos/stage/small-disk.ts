/** A disk of a few MB: a file system in memory, which root may mount. */
import { mkdirSync, rmSync, writeSync, openSync, closeSync } from 'node:fs'
import { join } from 'node:path'
import { ask, orNotHere } from './command.ts'

export type SmallDisk = {
  /** Until it is called off, nothing more finds room. */
  fill(): { free(): void }
  remove(): Promise<void>
}

/** Throws `NotHere` where nothing may be mounted. */
export async function mountSmallDisk(directory: string, megabytes: number): Promise<SmallDisk> {
  mkdirSync(directory, { recursive: true })
  await orNotHere('a small disk', () => ask('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', directory))
  const filler = join(directory, 'filler')
  return {
    fill: () => {
      fillUp(filler)
      return { free: () => rmSync(filler, { force: true }) }
    },
    remove: async () => {
      await ask('umount', directory)
    },
  }
}

const PIECES = [1 << 20, 1 << 16, 1 << 12] as const

/** With smaller and smaller pieces, until not even one page fits. */
function fillUp(file: string): void {
  const descriptor = openSync(file, 'w')
  try {
    for (const bytes of PIECES) {
      const piece = Buffer.alloc(bytes)
      while (writes(descriptor, piece));
    }
  } finally {
    closeSync(descriptor)
  }
}

function writes(descriptor: number, piece: Buffer): boolean {
  try {
    return writeSync(descriptor, piece) === piece.length
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false
    throw error
  }
}
