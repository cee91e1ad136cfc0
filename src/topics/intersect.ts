/** What two filters have in common. */
import { hash, hasWildcard, splitLevels, startsWithDollar, startsWithWildcard } from './topic-filter.ts'

/**
 * The one filter that matches exactly the topics that both `a` and `b` match, or `undefined` when there is none: `t/global/#` and
 * `t/+/1/+` meet in `t/global/1/+`. Both are valid filters. (Two MQTT filters never meet in several: level by level the
 * narrower one wins, and a `#` takes over the rest of the other.)
 */
export function intersect(a: string, b: string): string | undefined {
  if (isBelow(a, b)) return a
  const common = levelsInCommon(a, b)?.join('/')
  // `+` and `/#` would meet in the empty string, which is the parent of `/#` but no topic [MQTT-4.7.3-1].
  return common === '' ? undefined : common
}

/** What links ask most: `a` is a filter below `p`, and `b` is `p/#`, without other wildcards. False also where others would have to be looked at. */
function isBelow(a: string, b: string): boolean {
  const length = b.length - 1
  if (length < 1 || b.charCodeAt(length) !== hash || a.length <= length) return false
  return a.startsWith(b.slice(0, length)) && !hasWildcard(b.slice(0, length))
}

function levelsInCommon(a: string, b: string): string[] | undefined {
  if (startsWithDollar(a) ? startsWithWildcard(b) : startsWithDollar(b) && startsWithWildcard(a)) return undefined
  const left = splitLevels(a)
  const right = splitLevels(b)
  const common: string[] = []
  for (let depth = 0; ; depth += 1) {
    const level = left[depth]
    const other = right[depth]
    // The other's rest may be empty, and is then the parent that `p/#` matches too.
    if (level === '#') return [...common, ...right.slice(depth)]
    if (other === '#') return [...common, ...left.slice(depth)]
    if (level === undefined || other === undefined) return level === other ? common : undefined
    if (level !== other && level !== '+' && other !== '+') return undefined
    common.push(level === '+' ? other : level)
  }
}
