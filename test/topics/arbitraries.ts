/** Topics and filters of a few levels over a small alphabet, so that they meet often. */
import fc from 'fast-check'

const filterLevels = ['a', 'b', '', '$s', '$', 'ä']

/** Valid filters of at most three levels and a `#`. */
export const topicFilterArbitrary = fc
  .tuple(fc.array(fc.constantFrom('+', '+', ...filterLevels), { maxLength: 3 }), fc.boolean())
  .map(([levels, open]) => [...levels, ...(open ? ['#'] : [])].join('/'))
  .filter((topicFilter) => topicFilter !== '')

export const topicArbitrary = fc
  .array(fc.constantFrom('z', ...filterLevels), { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join('/'))
  .filter((topic) => topic !== '')

/**
 * Every topic of up to four levels over the alphabet of the filters and a letter that no filter has: deeper and wider than any of
 * the filters, so that two filters that match the same of these match the same of all.
 */
export const allTopics: readonly string[] = (() => {
  const topics: string[] = []
  let deepest = ['z', ...filterLevels]
  for (let depth = 1; depth <= 4; depth += 1) {
    topics.push(...deepest)
    deepest = deepest.flatMap((topic) => ['z', ...filterLevels].map((level) => `${topic}/${level}`))
  }
  return topics.filter((topic) => topic !== '')
})()
