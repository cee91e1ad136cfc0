/** A small JSON file in the data directory, replaced as a whole: a crash leaves the old one or the new one. */
import { readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { ClusterError } from './cluster-error.ts'

/** Throws `ClusterError` if it is there and can't be read. `damaged` if it holds no JSON. */
export function readKept(file: string): { readonly type: 'none' | 'damaged' } | { type: 'kept'; value: unknown } {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return { type: 'none' }
    throw unusable('read', file, cause)
  }
  try {
    return { type: 'kept', value: JSON.parse(text) }
  } catch {
    return { type: 'damaged' }
  }
}

/** Writes one version after another, and leaves out those that are outdated before their turn. */
export class KeptFile {
  readonly file: string
  #next: { readonly value: unknown; readonly written: Promise<void> } | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(file: string) {
    this.file = file
  }

  /** Resolves when this version, or a later one, is on disk. Rejects with `ClusterError` if it can't be written. */
  write(value: unknown): Promise<void> {
    if (this.#next !== undefined) {
      this.#next = { value, written: this.#next.written }
      return this.#next.written
    }
    const written = this.#turn.then(() => this.#writeNext())
    this.#next = { value, written }
    this.#turn = written.catch(() => undefined)
    return written
  }

  async #writeNext(): Promise<void> {
    const value = this.#next?.value
    this.#next = undefined
    const draft = `${this.file}.new`
    try {
      const handle = await open(draft, 'w')
      try {
        await handle.writeFile(`${JSON.stringify(value)}\n`)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(draft, this.file)
    } catch (cause) {
      throw unusable('write', this.file, cause)
    }
  }
}

function unusable(what: 'read' | 'write', file: string, cause: unknown): ClusterError {
  const words = cause instanceof Error ? cause.message : String(cause)
  return new ClusterError('DATA_DIR_UNUSABLE', `node.data_dir: can't ${what} ${file}: ${words}`, { cause })
}
