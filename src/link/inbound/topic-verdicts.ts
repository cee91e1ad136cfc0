/** Which topics a link lets in: asked for every message, and answered from memory for a topic that was asked for before. */
import { matches } from '../../topics/match.ts'

/** So many filters are tried, which takes less time than to look up what is remembered. */
const BEGINNINGS_MAX = 4
/** So many topics are remembered; then all are forgotten. */
const TOPICS_MAX = 65_536

export class TopicVerdicts {
  #topics: readonly string[] = []
  #isAll = false
  /** What stands before `#` in those of few filters that have no other wildcard: `global/` of `global/#`. */
  #beginnings: readonly string[] = []
  readonly #known = new Map<string, boolean>()

  /** The `topics` of the link as they are now. */
  configure(topics: readonly string[]): void {
    if (topics === this.#topics) return
    this.#topics = topics
    this.#isAll = topics.includes('#')
    this.#beginnings = topics.slice(0, BEGINNINGS_MAX).flatMap(beginningOf)
    this.#known.clear()
  }

  /** What is under `$LINK/` or `$SYS/` never comes in, whatever the topics say. */
  admits(topic: string): boolean {
    if (this.#isAll && topic.charCodeAt(0) !== DOLLAR) return true
    for (let i = 0; i < this.#beginnings.length; i += 1) if (topic.startsWith(this.#beginnings[i]!)) return true
    const known = this.#known.get(topic)
    if (known !== undefined) return known
    const isAdmitted = !/^\$(LINK|SYS)(\/|$)/.test(topic) && this.#topics.some((filter) => matches(topic, filter))
    if (this.#known.size >= TOPICS_MAX) this.#known.clear()
    this.#known.set(topic, isAdmitted)
    return isAdmitted
  }
}

const DOLLAR = 0x24

/** None of a filter with another wildcard, nor under `$LINK/` or `$SYS/`. */
function beginningOf(topicFilter: string): string[] {
  const beginning = topicFilter.slice(0, -1)
  const isPlain = topicFilter.endsWith('/#') && !beginning.includes('+') && topicFilter.charCodeAt(0) !== DOLLAR
  return isPlain ? [beginning] : []
}
