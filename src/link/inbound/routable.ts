import { topicFilterProblem } from '../../topics/topic-filter.ts'

/** A share is its subscribers' own affair, and `$LINK/` is nobody's: EMQX stores such routes, and they match nothing. */
export function isRoutable(topicFilter: string): boolean {
  return topicFilterProblem(topicFilter) === undefined && !/^\$(LINK|share|queue)(\/|$)/.test(topicFilter)
}
