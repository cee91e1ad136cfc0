/** Whether a filter matches a topic (MQTT 5, 4.7), written anew: the judge does not use the product's own. */

const known = new Map<string, Map<string, boolean>>()
/** More than any run has; beyond it all is forgotten. */
const KNOWN_MAX = 5_000

export function matches(filter: string, topic: string): boolean {
  let ofFilter = known.get(filter)
  if (ofFilter === undefined) {
    if (known.size >= KNOWN_MAX) known.clear()
    known.set(filter, (ofFilter = new Map()))
  }
  let isMatch = ofFilter.get(topic)
  if (isMatch === undefined) {
    if (ofFilter.size >= KNOWN_MAX) ofFilter.clear()
    ofFilter.set(topic, (isMatch = compare(filter, topic)))
  }
  return isMatch
}

export function matchesAny(filters: Iterable<string>, topic: string): boolean {
  for (const filter of filters) if (matches(filter, topic)) return true
  return false
}

function compare(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && (filter.startsWith('#') || filter.startsWith('+'))) return false
  const wanted = filter.split('/')
  const levels = topic.split('/')
  for (const [at, level] of wanted.entries()) {
    if (level === '#') return true
    if (at >= levels.length || (level !== '+' && level !== levels[at])) return false
  }
  return wanted.length === levels.length
}
