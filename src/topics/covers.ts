/** Is one filter at least as wide as another? */
import { splitLevels, startsWithDollar, startsWithWildcard } from './topic-filter.ts'

/**
 * Whether `wide` matches every topic that `narrow` matches. Both are valid filters. Each filter covers itself; and `#` and `+/#` cover
 * each other, as do `/#` and `/+/#`: see `withoutParent`.
 */
export function covers(wide: string, narrow: string): boolean {
  if (startsWithDollar(narrow) && startsWithWildcard(wide)) return false
  return levelsCover(splitLevels(wide), splitLevels(withoutParent(narrow)))
}

/**
 * The parent that `p/#` matches beside all below it is for `#` no level at all, and for `/#` the empty string: no topics, both
 * [MQTT-4.7.3-1]. So these two filters match nothing that they would not match with a `+` before the `#`, which is how they are
 * to be read when one asks who covers them.
 */
export function withoutParent(topicFilter: string): string {
  if (topicFilter === '#') return '+/#'
  return topicFilter === '/#' ? '/+/#' : topicFilter
}

function levelsCover(wide: readonly string[], narrow: readonly string[]): boolean {
  for (const [depth, level] of wide.entries()) {
    if (level === '#') return true
    const other = narrow[depth]
    if (other === undefined) return false
    // Only a `#` in the same place matches the parent too, and that was asked first.
    if (other === '#' || (level !== '+' && level !== other)) return false
  }
  return wide.length === narrow.length
}
