/**
 * 2. Nothing lost unseen. Whatever a session was owed and has not got must be accounted for: by a counter that the product shows, by what
 * still waits, or by a process that died with what it alone had, which is bounded by what it said that it had.
 *
 * First whole crossings: a message that no session of a cluster got. Then what was lost within a cluster, session by session.
 */
import type { SessionRecord } from '../clients/history.ts'
import { allot, type Excuse } from './allot.ts'
import { allowances } from './allowances.ts'
import type { Evidence } from './evidence.ts'
import { type Expectation, expectationsOf } from './expectations.ts'
import { matches } from './topic-match.ts'
import type { Violation } from './violation.ts'

/** A message that lacks at some sessions of a cluster. */
type Missing = {
  readonly owed: readonly Expectation[]
  readonly first: Expectation
  readonly cluster: string
  /** Somebody there got it. */
  readonly crossed: boolean
}

export function nothingLost(evidence: Evidence): Violation[] {
  return [...messagesLost(evidence), ...sessionsLost(evidence)]
}

function messagesLost(evidence: Evidence): Violation[] {
  const missing = missingOf(evidence)
  if (missing.length === 0) return []
  const away = missing.filter(({ first, crossed }) => !first.isHome && !crossed)
  const [withinExcuses, onTheWay] = [excusesWithin(evidence), excusesOfCrossing(evidence)]
  // Those that nothing within a cluster explains are served first by what lies between clusters.
  const hard = away.filter(
    ({ owed }) => !owed.every((one) => withinExcuses.some(({ atMost, covers }) => atMost > 0 && covers(one))),
  )
  const ordered = [...hard, ...away.filter((one) => !hard.includes(one))]
  const uncrossed = new Set(allot(ordered, onTheWay).unexcused)
  const within = missing.filter((one) => !away.includes(one) || uncrossed.has(one)).flatMap(({ owed }) => owed)
  return reported(evidence, allot(within, withinExcuses).unexcused)
}

function missingOf(evidence: Evidence): Missing[] {
  const { index, history } = evidence
  const found = new Map<string, Expectation[]>()
  for (const one of expectationsOf(evidence)) {
    if (index.of(one.message, one.session).length > 0) continue
    const key = `${one.message.number}>${one.session.client.cluster}`
    const list = found.get(key)
    if (list === undefined) found.set(key, [one])
    else list.push(one)
  }
  return [...found.values()].flatMap((owed) => {
    const [first] = owed
    if (first === undefined) return []
    const { cluster } = first.session.client
    const crossed = [...index.ofMessage(first.message).keys()].some(
      (session) => history.sessions[session]?.client.cluster === cluster,
    )
    return [{ owed, first, cluster, crossed }]
  })
}

// ---- between clusters

function excusesOfCrossing({ accounts, chronicle, history, nowMs }: Evidence): Excuse<Missing>[] {
  const excuses: Excuse<Missing>[] = []
  const add = (words: string, atMost: number, covers: (one: Missing) => boolean): void => {
    if (atMost > 0) excuses.push({ words, atMost, covers })
  }
  for (const account of accounts.links) {
    const { node, life, peer } = account
    const isHere = ({ first, cluster }: Missing): boolean =>
      first.send.node === node && first.life === life && cluster === peer
    for (const [reason, count] of account.lost) {
      if (reason !== 'shed_qos0') add(`${node} counted ${reason}`, count, isHere)
    }
    const end = chronicle.life(node, life)
    // What came after it was last looked at is in no sample.
    const sinceMs = account.sampledMs
    const since = (untilMs: number): number =>
      history.messages.filter(({ sends }) =>
        sends.some((send) => send.node === node && send.atMs >= sinceMs - RECENT_MS && send.atMs <= untilMs),
      ).length
    if (end === undefined || end.end === 'lives') {
      add(`waits at ${node}`, account.pending, isHere)
      const goneMs = linkGone(chronicle, node, peer, sinceMs)
      if (goneMs !== undefined) {
        const here = (one: Missing): boolean => isHere(one) && one.first.send.atMs <= goneMs
        add(`${node} lost it with the link`, account.pending + since(goneMs), here)
      }
      continue
    }
    const cluster = chronicle.clusterOf(node)
    const wasDurable = chronicle
      .termsBetween(cluster, peer, end.startedMs, end.endedMs)
      .every((terms) => terms?.durable === true)
    const isOnDisk = wasDurable && !chronicle.diskLostBetween(node, end.startedMs, nowMs)
    const isBack = chronicle.life(node, life + 1) !== undefined
    if (isOnDisk && isBack) continue
    const here = (one: Missing): boolean => isHere(one) && one.first.send.atMs <= end.endedMs
    add(`${node} ended with what was in memory`, account.pending + since(end.endedMs), here)
  }
  for (const { cluster, peer } of chronicle.links()) {
    const refused = accounts.links
      .filter((account) => account.peer === peer && chronicle.clusterOf(account.node) === cluster)
      .reduce((sum, { inbound }) => sum + inbound.refused.sum, 0)
    add(
      `${cluster} refused it`,
      refused,
      ({ first, cluster: to }) => to === cluster && first.message.publisher.cluster === peer,
    )
  }
  return excuses
}

/** An acknowledgement may be on its way while the node is looked at. */
const RECENT_MS = 2_000

/** When the link went away, after which its ledger can't be seen any more. */
function linkGone(chronicle: Evidence['chronicle'], node: string, peer: string, sampledMs: number): number | undefined {
  const cluster = chronicle.clusterOf(node)
  return chronicle.acts.find(
    (act) =>
      act.type === 'link_set' &&
      act.cluster === cluster &&
      act.peer === peer &&
      act.terms === undefined &&
      act.atMs >= sampledMs - RECENT_MS,
  )?.atMs
}

// ---- within a cluster

function excusesWithin({ accounts, chronicle, history }: Evidence): Excuse<Expectation>[] {
  const excuses: Excuse<Expectation>[] = []
  const sessions = new Map<string, number>()
  for (const { client } of history.sessions) sessions.set(client.cluster, (sessions.get(client.cluster) ?? 0) + 1)
  const add = (words: string, atMost: number, covers: (one: Expectation) => boolean): void => {
    if (atMost > 0) excuses.push({ words, atMost, covers })
  }
  for (const { node, life, cluster, losses, laneDropped, laneWaiting, laneWaitingMax, sampledMs } of accounts.nodes) {
    const isThere = ({ session }: Expectation): boolean => session.client.cluster === cluster
    for (const [reason, count] of losses) {
      if (!QOS0_ALONE.has(reason)) add(`${node} counted ${reason}`, count.sum, isThere)
    }
    const copies = sessions.get(cluster) ?? 1
    add(`${node} gave it up on its way to other members`, laneDropped.sum * copies, isThere)
    const end = chronicle.life(node, life)
    if (end === undefined || end.end === 'lives') {
      add(`waits at ${node} for another member`, laneWaiting * copies, isThere)
      continue
    }
    // Alone it can have had only what it kept for another member, which did not answer.
    const { endedMs } = end
    if (!chronicle.wereOthersDisturbed(cluster, node, endedMs - allowances.memberHeldMs, endedMs)) continue
    const came = history.messages.filter(({ sends }) =>
      sends.some(({ atMs }) => atMs >= sampledMs - RECENT_MS && atMs <= endedMs),
    )
    add(`${node} ended with what it kept for other members`, (laneWaitingMax + came.length) * copies, (one) => {
      return isThere(one) && one.send.atMs <= endedMs
    })
  }
  return excuses
}

/** These count messages of QoS 0 only. */
const QOS0_ALONE: ReadonlySet<string> = new Set(['shed_qos0', 'memory_qos0'])

function reported({ accounts, nowMs }: Evidence, unexcused: readonly Expectation[]): Violation[] {
  const ways = new Map<string, Expectation[]>()
  for (const one of unexcused) {
    const way = `${one.message.publisher.cluster} to ${one.session.client.cluster}`
    const list = ways.get(way)
    if (list === undefined) ways.set(way, [one])
    else list.push(one)
  }
  return [...ways].map(([way, list]) => {
    const told = list.slice(0, 3).map(wordsOf)
    const seen = accounts.links
      .filter(({ node, peer }) =>
        list.some(({ send, session }) => send.node === node && session.client.cluster === peer),
      )
      .map(({ node, life, delivered, lost, pending }) => {
        const reasons = [...lost].map(([reason, count]) => `${reason} ${count}`).join(', ')
        return `${node} (process ${life}): delivered ${delivered.sum}, pending ${pending}${reasons === '' ? '' : `, ${reasons}`}`
      })
    return {
      invariant: 'nothing_lost_unseen',
      atMs: nowMs,
      subject: `lost from ${way}`,
      words: `${list.length} lost and accounted for nowhere, from ${way}: ${told.join('; ')}${seen.length > 0 ? `. ${seen.join('; ')}` : ''}`,
    }
  })
}

function wordsOf({ message, send, session, knownBy }: Expectation): string {
  const { number, topic, qos, acknowledgedMs, publisher } = message
  return (
    `#${number} on ${topic} (QoS ${qos}) by ${publisher.clientId} at ${send.node}, sent ${at(send.atMs)}, acknowledged ` +
    `${at(acknowledgedMs ?? 0)}, never got to ${session.client.clientId}'s session ${session.number} (${knownBy})`
  )
}

function at(ms: number): string {
  return `${(ms / 1_000).toFixed(3)} s`
}

// ---- sessions

/** A session that was to be kept, and that the broker had no more although nothing was wrong with any node that it was on. */
function sessionsLost({ history, chronicle, nowMs }: Evidence): Violation[] {
  return history.sessions.filter(isLost).flatMap((session) => {
    const { client, startedMs, number } = session
    const { cluster } = client
    const nextMs = history.sessions.find((one) => one.client === client && one.number > number)?.startedMs ?? nowMs
    if (chronicle.wasDisturbed([cluster], startedMs, nextMs)) return []
    return [
      {
        invariant: 'nothing_lost_unseen',
        atMs: nextMs,
        subject: `session of ${client.clientId}`,
        words: `${client.clientId} found its session ${number} gone at ${at(nextMs)}, although its cluster ${cluster} had no trouble since ${at(startedMs)}`,
      } as const,
    ]
  })
}

function isLost({ end }: SessionRecord): boolean {
  return end === 'lost_by_broker'
}

/** A group of a shared subscription is owed one copy, at whichever of its members. */
export function sharedLost(evidence: Evidence): Violation[] {
  const { history, chronicle, index, accounts, nowMs } = evidence
  const { quietMs } = chronicle
  if (quietMs === undefined) return []
  const fromMs = quietMs + allowances.convergenceMs
  const groups = new Map<string, SessionRecord[]>()
  for (const session of history.sessions)
    for (const { filter, shareName, qos, grantedMs, endedMs } of session.subscriptions) {
      if (
        shareName === undefined ||
        qos === 0 ||
        grantedMs === undefined ||
        grantedMs > fromMs ||
        endedMs !== undefined
      )
        continue
      const key = `${session.client.cluster} ${filter}`
      groups.set(key, [...(groups.get(key) ?? []), session])
    }
  const counted = accounts.nodes.some(({ losses }) => [...losses.values()].some(({ sum }) => sum > 0))
  if (counted) return []
  return [...groups].flatMap(([key, members]) => {
    const [cluster = '', filter = ''] = key.split(' ')
    const topicFilter = filter.split('/').slice(2).join('/')
    const lost = history.messages.filter((message) => {
      const { topic, qos, acknowledgedMs, sends, publisher, isWill } = message
      const isOwed = qos > 0 && !isWill && acknowledgedMs !== undefined && (sends[0]?.atMs ?? 0) >= fromMs
      if (!isOwed || publisher.cluster !== cluster || !matches(topicFilter, topic)) return false
      return !members.some((session) => index.of(message, session).length > 0)
    })
    const [first] = lost
    if (first === undefined) return []
    return [
      {
        invariant: 'nothing_lost_unseen',
        atMs: nowMs,
        subject: `group ${filter}`,
        words: `${lost.length} messages came to no member of ${filter} in ${cluster}, the first #${first.number} on ${first.topic}`,
      } as const,
    ]
  })
}
