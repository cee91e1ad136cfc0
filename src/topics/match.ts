/** Does a topic match a filter? One pass over both strings; nothing is split or allocated. */
import { hash, plus, slash, startsWithDollar, startsWithWildcard } from './topic-filter.ts'

/** Whether the valid topic name `topic` matches the valid filter `topicFilter`. Source: MQTT 5, 4.7. */
export function matches(topic: string, topicFilter: string): boolean {
  if (startsWithDollar(topic) && startsWithWildcard(topicFilter)) return false
  let at = 0
  for (let i = 0; i < topicFilter.length; i += 1) {
    const unit = topicFilter.charCodeAt(i)
    // In a valid filter a wildcard begins its level, and so does what is left of the topic.
    if (unit === hash) return true
    if (unit === plus) at = levelEnd(topic, at)
    // `a/#` matches its parent `a` too (4.7.1.2).
    else if (at === topic.length) return unit === slash && topicFilter.charCodeAt(i + 1) === hash
    else if (topic.charCodeAt(at) === unit) at += 1
    else return false
  }
  return at === topic.length
}

function levelEnd(topic: string, start: number): number {
  const end = topic.indexOf('/', start)
  return end === -1 ? topic.length : end
}
