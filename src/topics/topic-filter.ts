/** What a topic filter and a topic name may look like (MQTT 5, 4.7), with EMQX's words for what is wrong with one. */

/** A topic name or filter takes at most this many bytes in UTF-8 [MQTT-4.7.3-3]. */
export const topicBytesMax = 65_535

export type TopicFilterProblem =
  | 'empty_topic'
  | 'topic_too_long'
  /** `#` stands before the last level. */
  | 'topic_invalid_#'
  /** A wildcard shares its level with other characters, or the string holds U+0000 or half a surrogate pair. */
  | 'topic_invalid_char'

export type TopicNameProblem =
  | 'empty_topic'
  | 'topic_too_long'
  | 'topic_invalid_char'
  /** A topic name holds no wildcard [MQTT-3.3.2-2]. */
  | 'topic_name_error'

/**
 * Why `topicFilter` is none, or `undefined` for a good one. `$share/<group>/` is not looked at: `parseSubscription` does that.
 * Source: MQTT 5, 4.7.1 to 4.7.3; the words are those of EMQX's `emqx_topic:validate/1`.
 */
export function topicFilterProblem(topicFilter: string): TopicFilterProblem | undefined {
  const problem = problemOfBoth(topicFilter)
  if (problem !== undefined || !hasWildcard(topicFilter)) return problem
  const levels = splitLevels(topicFilter)
  for (const [depth, level] of levels.entries()) {
    if (level === '#' && depth < levels.length - 1) return 'topic_invalid_#'
    if (level.length > 1 && hasWildcard(level)) return 'topic_invalid_char'
  }
  return undefined
}

/** Why `topic` is no topic name, or `undefined` for a good one. */
export function topicNameProblem(topic: string): TopicNameProblem | undefined {
  return problemOfBoth(topic) ?? (hasWildcard(topic) ? 'topic_name_error' : undefined)
}

function problemOfBoth(text: string): 'empty_topic' | 'topic_too_long' | 'topic_invalid_char' | undefined {
  if (text === '') return 'empty_topic'
  // A UTF-16 unit takes at most three bytes, so that only long strings need be counted.
  if (text.length * 3 > topicBytesMax && Buffer.byteLength(text) > topicBytesMax) return 'topic_too_long'
  return noUtf8String.test(text) ? 'topic_invalid_char' : undefined
}

/** U+0000 [MQTT-1.5.4-2] and lone surrogates [MQTT-1.5.4-1]: with the flag `u` a pair of surrogates is one other character. */
const noUtf8String = /[\0\p{Surrogate}]/u

/** Whether a filter or a level of one holds `+` or `#`. A valid filter without them matches exactly the topic that it spells. */
export function hasWildcard(topicFilter: string): boolean {
  return topicFilter.includes('+') || topicFilter.includes('#')
}

/** `a//b` has three levels, the second one empty. */
export function splitLevels(topicOrFilter: string): string[] {
  return topicOrFilter.split('/')
}

/** How many levels `splitLevels` would give. */
export function levelCountOf(topicOrFilter: string): number {
  let count = 1
  for (let at = topicOrFilter.indexOf('/'); at !== -1; at = topicOrFilter.indexOf('/', at + 1)) count += 1
  return count
}

/** Topics that begin with `$` are the server's own: no filter that begins with a wildcard matches them [MQTT-4.7.2-1]. */
export function startsWithDollar(topicOrFilter: string): boolean {
  return topicOrFilter.charCodeAt(0) === dollar
}

export function startsWithWildcard(topicFilter: string): boolean {
  const first = topicFilter.charCodeAt(0)
  return first === plus || first === hash
}

/** The characters of topics that mean something, as UTF-16 units and as bytes of UTF-8 alike. */
export const slash = 0x2f
export const plus = 0x2b
export const hash = 0x23
export const dollar = 0x24
