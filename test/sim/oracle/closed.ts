/**
 * 8. Closed. Whoever has no right to `$LINK/#` neither reads nor writes there: what such a client asks for is refused or its connection
 * ended, and nothing of it turns up anywhere. And no message comes over a link on a topic that the link does not want.
 */
import type { Evidence } from './evidence.ts'
import { matchesAny } from './topic-match.ts'
import type { Violation } from './violation.ts'

export function closed(evidence: Evidence): Violation[] {
  return [...heardLink(evidence), ...trespasses(evidence), ...outsideTopics(evidence)]
}

function heardLink({ history }: Evidence): Violation[] {
  const heard = [
    ...history.arrivals.map(({ session, topic, atMs }) => ({ client: session.client, topic, atMs })),
    ...history.strangers,
  ]
  const first = heard.find(({ topic }) => topic.startsWith('$LINK'))
  if (first === undefined) return []
  const words = `${first.client.clientId} was sent ${first.topic}`
  return [{ invariant: 'closed', atMs: first.atMs, subject: `$LINK heard in ${first.client.cluster}`, words }]
}

function trespasses({ history, index }: Evidence): Violation[] {
  const found: Violation[] = []
  for (const { client, action, topic, atMs, answer, message } of history.trespasses) {
    const subject = `${action} in ${client.cluster}`
    if (typeof answer === 'number' && answer < 0x80) {
      const words = `${client.clientId} may ${action} ${topic}: it was answered 0x${answer.toString(16).padStart(2, '0')}`
      found.push({ invariant: 'closed', atMs, subject, words })
    }
    const published = message === undefined ? undefined : history.messages[message]
    if (published === undefined || index.ofMessage(published).size === 0) continue
    const words = `what ${client.clientId} published to ${topic} was delivered`
    found.push({ invariant: 'closed', atMs, subject, words })
  }
  return found.slice(0, 3)
}

function outsideTopics({ history, chronicle }: Evidence): Violation[] {
  const found = new Map<string, Violation>()
  const seen = new Set<string>()
  for (const { number, session, atMs, topic } of history.arrivals) {
    const message = history.messages[number]
    const to = session.client.cluster
    const from = message?.publisher.cluster
    if (message === undefined || from === undefined || from === to) continue
    const subject = `topics of ${to} for ${from}`
    // Terms change rarely: once a second is enough for each topic.
    const key = `${subject} ${topic} ${Math.floor(atMs / 1_000)}`
    if (found.has(subject) || seen.has(key)) continue
    const terms = chronicle.termsBetween(to, from, message.sends[0]?.atMs ?? atMs, atMs)
    if (terms.some((one) => one !== undefined && matchesAny(one.topics, topic))) {
      seen.add(key)
      continue
    }
    const wanted = terms.map((one) => one?.topics.join(', ') ?? 'no link').join(' or ')
    const words = `${session.client.clientId} got #${number} on ${topic} from ${from}, of which ${to} wants ${wanted}`
    found.set(subject, { invariant: 'closed', atMs, subject, words })
  }
  return [...found.values()]
}
