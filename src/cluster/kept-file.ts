/** A small JSON file in the data directory, of which only the last version matters. */
import type { Files } from './files.ts'

/** Throws `ClusterError` if it is there and can't be read. `damaged` if it holds no JSON. */
export function readKept(
  files: Files,
  path: string,
): { readonly type: 'none' | 'damaged' } | { type: 'kept'; value: unknown } {
  const bytes = files.read(path)
  if (bytes === undefined) return { type: 'none' }
  try {
    return { type: 'kept', value: JSON.parse(bytes.toString()) }
  } catch {
    return { type: 'damaged' }
  }
}

/** Writes one version after another, and leaves out those that are outdated before their turn. */
export class KeptFile {
  readonly #files: Files
  readonly #path: string
  #next: { readonly value: unknown; readonly written: Promise<void> } | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(files: Files, path: string) {
    this.#files = files
    this.#path = path
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

  #writeNext(): Promise<void> {
    const value = this.#next?.value
    this.#next = undefined
    return this.#files.replaceSoon(this.#path, `${JSON.stringify(value)}\n`)
  }
}
