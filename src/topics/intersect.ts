/** What two filters have in common. */
import { splitLevels, startsWithDollar, startsWithWildcard } from './topic-filter.ts'

/**
 * The one filter that matches exactly the topics that both `a` and `b` match, or `undefined` when there is none: `t/global/#` and
 * `t/+/1/+` meet in `t/global/1/+`. Both are valid filters. (Two MQTT filters never meet in several: level by level the
 * narrower one wins, and a `#` takes over the rest of the other.)
 */
export function intersect(a: string, b: string): string | undefined {
  const common = levelsInCommon(a, b)?.join('/')
  // `+` and `/#` would meet in the empty string, which is the parent of `/#` but no topic [MQTT-4.7.3-1].
  return common === '' ? undefined : common
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
