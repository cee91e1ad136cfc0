/** Whether a rule's topic filter speaks of what a client asks for: a topic, or a filter to be subscribed. */
import { hash, plus, slash } from '../../../topics/topic-filter.ts'

/**
 * Whether a rule that allows `ruleFilter` allows all that `asked` matches. Unlike in MQTT's own matching, a wildcard speaks of topics
 * that begin with `$`, too, as in EMQX. Where EMQX lets a rule for `a/+` allow the subscription `a/#`, we do not.
 */
export function allows(ruleFilter: string, asked: string): boolean {
  // `#` and `+/#` match the same topics (see `withoutParent` of covers.ts), so that either rule allows either.
  if (asked === '#') return fits(ruleFilter, '+/#', false)
  return fits(ruleFilter, asked === '/#' ? '/+/#' : asked, false)
}

/**
 * Whether a rule that denies `ruleFilter` denies `asked`, which is so if it covers `asked` or takes it for one of its topics, as EMQX
 * does. A subscription that is wider than the rule is not denied by it: to deny `#`, name it (`{eq, "#"}`).
 */
export function denies(ruleFilter: string, asked: string): boolean {
  return fits(ruleFilter, asked, true) || allows(ruleFilter, asked)
}

/** One pass over both; nothing is split or allocated. `anyLevel`: a `+` of the rule stands for a `#` of what is asked, too. */
function fits(ruleFilter: string, asked: string, anyLevel: boolean): boolean {
  let at = 0
  for (let i = 0; i < ruleFilter.length; i += 1) {
    const unit = ruleFilter.charCodeAt(i)
    // In a valid filter a wildcard begins its level, and so does what is left of `asked`.
    if (unit === hash) return true
    if (unit === plus) {
      if (!anyLevel && asked.charCodeAt(at) === hash) return false
      at = levelEnd(asked, at)
    } else if (at === asked.length) return unit === slash && ruleFilter.charCodeAt(i + 1) === hash
    else if (asked.charCodeAt(at) === unit) at += 1
    else return false
  }
  return at === asked.length
}

function levelEnd(text: string, start: number): number {
  let end = start
  while (end < text.length && text.charCodeAt(end) !== slash) end += 1
  return end
}
