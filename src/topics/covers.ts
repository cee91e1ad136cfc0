/** Is one filter at least as wide as another? */
import { splitLevels, startsWithDollar, startsWithWildcard } from './topic-filter.ts'

/**
 * Whether `wide` matches every topic that `narrow` matches. Both are valid filters. Each filter covers itself, and `#` and `+/#`
 * cover each other: a topic has at least one level.
 */
export function covers(wide: string, narrow: string): boolean {
  if (startsWithDollar(narrow) && startsWithWildcard(wide)) return false
  // The one `#` that has no parent to match, so that what it matches may be said with a `+` before it.
  if (narrow === '#') return wide === '#' || wide === '+/#'
  return levelsCover(splitLevels(wide), splitLevels(narrow))
}

function levelsCover(wide: readonly string[], narrow: readonly string[]): boolean {
  for (const [depth, level] of wide.entries()) {
    if (level === '#') return true
    const other = narrow[depth]
    if (other === undefined) return false
    // `p/#` matches `p` and all below; only a `#` in the same place does too, and that was asked first.
    if (other === '#' || (level !== '+' && level !== other)) return false
  }
  return wide.length === narrow.length
}
