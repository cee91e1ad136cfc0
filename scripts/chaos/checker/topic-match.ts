/** Does a topic match a filter (MQTT 5, 4.7)? Written for the checker alone, level by level, so that it errs where it errs by itself. */
export function isMatch(topic: string, topicFilter: string): boolean {
  const names = topic.split('/')
  const levels = topicFilter.split('/')
  const isSystem = names[0]!.startsWith('$')
  if (isSystem && (levels[0] === '#' || levels[0] === '+')) return false
  for (const [index, level] of levels.entries()) {
    if (level === '#') return true
    const name = names[index]
    if (name === undefined || (level !== '+' && level !== name)) return false
  }
  return names.length === levels.length
}

/** Whether any of these matches. */
export const isMatchOfAny = (topic: string, topicFilters: readonly string[]): boolean =>
  topicFilters.some((topicFilter) => isMatch(topic, topicFilter))
