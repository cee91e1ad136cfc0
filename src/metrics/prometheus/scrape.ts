/**
 * What a node serves to Prometheus. Nothing is counted here, and nothing happens between two scrapes: each reads the counters that
 * there are. A scrape of many links takes turns with everything else.
 */
import { Exposition, type ExpositionFormat } from './exposition.ts'
import { commonLabels, type FamilyFacts } from './family.ts'
import { linkFamilies, type LinkReading } from './link-families.ts'
import { nodeFamilies, type NodeReading } from './node-families.ts'
import { readProcessFamilies } from './process-families.ts'

/** The node as far as metrics read it. */
export interface MetricsSource {
  readonly cluster: string
  readonly node: string
  linkNames(): readonly string[]
  /** `undefined` for one that is gone meanwhile. */
  link(name: string): LinkReading | undefined
  reading(): NodeReading
}

export type Turns = {
  steadyMs(): number
  /** Resolves in another turn of the event loop. */
  next(): Promise<void>
}

/** After how long others get their turn, milliseconds. */
const SLICE_MS = 8

export class NodeMetrics {
  readonly #source: MetricsSource
  readonly #turns: Turns

  constructor(source: MetricsSource, turns: Turns = systemTurns) {
    this.#source = source
    this.#turns = turns
  }

  /** The text in pieces, each of them the work of one turn. */
  async *scrape(format: ExpositionFormat): AsyncGenerator<string> {
    const { cluster, node } = this.#source
    const exposition = new Exposition(format, { [commonLabels[0]]: cluster, [commonLabels[1]]: node })
    const slice = new Slice(this.#turns)
    // All links first: what is told of one in several places is of one instant.
    const links: LinkReading[] = []
    for (const name of this.#source.linkNames()) {
      const link = this.#source.link(name)
      if (link !== undefined) links.push(link)
      if (slice.isOver) await slice.next()
    }
    for (const family of linkFamilies) {
      const write = exposition.family(family)
      for (const link of links) {
        family.read(link, write)
        if (!slice.isOver) continue
        yield exposition.take()
        await slice.next()
      }
    }
    const reading = this.#source.reading()
    for (const family of nodeFamilies) family.read(reading, exposition.family(family))
    for (const family of await readProcessFamilies()) family.write(exposition.family(family))
    yield exposition.take() + exposition.end
  }
}

/** Of all that is served but the metrics of the process: for whoever documents it. */
export const knownFamilies: readonly FamilyFacts[] = [...linkFamilies.map(facts), ...nodeFamilies.map(facts)]

function facts({ name, type, labels, help }: FamilyFacts): FamilyFacts {
  return { name, type, labels, help }
}

class Slice {
  readonly #turns: Turns
  #beganMs: number

  constructor(turns: Turns) {
    this.#turns = turns
    this.#beganMs = turns.steadyMs()
  }

  get isOver(): boolean {
    return this.#turns.steadyMs() - this.#beganMs >= SLICE_MS
  }

  async next(): Promise<void> {
    await this.#turns.next()
    this.#beganMs = this.#turns.steadyMs()
  }
}

const systemTurns: Turns = {
  steadyMs: () => performance.now(),
  next: () => new Promise<void>((resolve) => void setImmediate(resolve)),
}
