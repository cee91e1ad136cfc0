/** What resolving a configuration needs beside its values. */
import type { ReadFile } from './hocon/hocon-include.ts'
import type { Place } from './hocon/hocon.ts'
import type { KeyPath } from './key-path.ts'

export type ResolveContext = {
  /** Directory from which relative names of files count. */
  readonly baseDir: string
  readonly readFile: ReadFile
  /** Where a key stands in the text, if there is one. */
  readonly placeOf: (path: KeyPath) => Place
  /** Milliseconds since 1970: certificates are judged by it. */
  readonly nowMs: () => number
}
