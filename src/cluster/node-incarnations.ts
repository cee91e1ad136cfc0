/**
 * Numbers for the lives of this node: of what it tells others, and, if it is alone, of its routes at each peer. Higher than every one that
 * it ever had, however the wall clock moves: one that is no lower than the last stands in a small file of the data directory.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nextIncarnation } from '../routes/incarnation.ts'
import { ClusterError } from './cluster-error.ts'

const FILE = 'incarnation.json'
/** So many are put on record at once: each time takes a turn of the disk, and a node with a thousand links wants a thousand. */
const RECORDED_AHEAD = 1_000

export class NodeIncarnations {
  readonly #file: string
  readonly #nowMs: () => number
  #last: number
  /** As it is on record: what is no higher can be given without another word. */
  #recorded: number

  /**
   * @param dataDir `node.data_dir`; made if it is not there. Throws `ClusterError` if it can't be used.
   * @param nowMs milliseconds since 1970
   */
  constructor(dataDir: string, nowMs: () => number) {
    this.#file = join(dataDir, FILE)
    this.#nowMs = nowMs
    try {
      mkdirSync(dataDir, { recursive: true })
    } catch (cause) {
      throw new ClusterError(
        'DATA_DIR_UNUSABLE',
        `node.data_dir: can't make the directory ${dataDir}: ${words(cause)}`,
        { cause },
      )
    }
    this.#last = this.#recorded = readLast(this.#file)
  }

  /** It is on record before it is returned, so that a crash can't make it come again. Throws `ClusterError` if that can't be done. */
  nextIncarnation(): number {
    const next = nextIncarnation(this.#nowMs(), this.#last)
    if (next > this.#recorded) this.#record(next + RECORDED_AHEAD)
    this.#last = next
    return next
  }

  #record(incarnation: number): void {
    const draft = `${this.#file}.new`
    try {
      writeFileSync(draft, `${JSON.stringify({ incarnation })}\n`, { flush: true })
      renameSync(draft, this.#file)
    } catch (cause) {
      throw new ClusterError('DATA_DIR_UNUSABLE', `node.data_dir: can't write ${this.#file}: ${words(cause)}`, {
        cause,
      })
    }
    this.#recorded = incarnation
  }
}

/** The last incarnation on record; 0 for a node that never had one. */
function readLast(file: string): number {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return 0
    throw new ClusterError('DATA_DIR_UNUSABLE', `node.data_dir: can't read ${file}: ${words(cause)}`, { cause })
  }
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

function words(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
