/**
 * Numbers for the lives of this node: of what it tells others, and, if it is alone, of its routes at each peer. Higher than every one that
 * it ever had, however the wall clock moves: one that is no lower than the last stands in a small file of the data directory.
 */
import { join } from 'node:path'
import { nextIncarnation } from '../routes/incarnation.ts'
import { ClusterError } from './cluster-error.ts'
import { type Files, systemFiles } from './files.ts'

const FILE = 'incarnation.json'
/** So many are put on record at once: each time takes a turn of the disk, and a node with a thousand links wants a thousand. */
const RECORDED_AHEAD = 1_000

export class NodeIncarnations {
  readonly #file: string
  readonly #nowMs: () => number
  readonly #files: Files
  #last: number
  /** As it is on record: what is no higher can be given without another word. */
  #recorded: number

  /**
   * @param dataDir `node.data_dir`; made if it is not there. Throws `ClusterError` if it can't be used.
   * @param nowMs milliseconds since 1970
   */
  constructor(dataDir: string, nowMs: () => number, files: Files = systemFiles) {
    this.#file = join(dataDir, FILE)
    this.#nowMs = nowMs
    this.#files = files
    files.makeDirectory(dataDir)
    this.#last = this.#recorded = readLast(files, this.#file)
  }

  /** It is on record before it is returned, so that a crash can't make it come again. Throws `ClusterError` if that can't be done. */
  nextIncarnation(): number {
    const next = nextIncarnation(this.#nowMs(), this.#last)
    if (next > this.#recorded) this.#record(next + RECORDED_AHEAD)
    this.#last = next
    return next
  }

  #record(incarnation: number): void {
    this.#files.replace(this.#file, `${JSON.stringify({ incarnation })}\n`)
    this.#recorded = incarnation
  }
}

/** The last incarnation on record; 0 for a node that never had one. */
function readLast(files: Files, file: string): number {
  const text = files.read(file)?.toString()
  if (text === undefined) return 0
  const last = parseIncarnation(text)
  if (last === undefined)
    throw new ClusterError(
      'DATA_DIR_UNUSABLE',
      `node.data_dir: ${file} is damaged; delete it if the clock of this machine was never set back since it was written`,
    )
  return last
}

function parseIncarnation(text: string): number | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null || !('incarnation' in parsed)) return undefined
    return Number.isSafeInteger(parsed.incarnation) ? Number(parsed.incarnation) : undefined
  } catch {
    return undefined
  }
}
