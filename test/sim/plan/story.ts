/** What happened in a simulation that failed, for people: who there was, what was done to them and when, and what did not hold. */
import { commitNow } from '../../../scripts/reliability/run-record.ts'
import { invariants, type Violation } from '../oracle/violation.ts'
import { linkWords, secondsWords, stepWords } from './deed-words.ts'
import type { Plan, PlannedClient, PlannedCluster } from './plan.ts'

export function storyOf(plan: Plan, { violation }: { readonly violation: Violation | undefined }): string {
  const { seed, clusters, links, clients } = plan
  const atMs = violation?.atMs ?? Number.POSITIVE_INFINITY
  return [
    `seed ${seed}, commit ${commitNow()}: ${violationWords(violation)}`,
    ...clusters.map((cluster) => `  cluster ${clusterWords(cluster)}`),
    ...links.map(({ cluster, peer, link }) => `  link    ${cluster} to ${peer}: ${linkWords(link)}`),
    ...clients.map((client) => `  client  ${clientWords(client)}`),
    ...eventsOf(plan)
      .filter((event) => event.atMs <= atMs)
      .map((event) => line(event.atMs, event.words)),
    ...(violation === undefined ? [] : [line(violation.atMs, `${violation.invariant} found: ${violation.words}`)]),
    `  again:  npm run sim -- --seed ${seed}`,
  ].join('\n')
}

function violationWords(violation: Violation | undefined): string {
  if (violation === undefined) return 'nothing went wrong'
  return `${violation.invariant} (${invariants[violation.invariant]} of what must hold) did not hold: ${violation.subject}`
}

function clusterWords({ name, nodes, isCoordinated, servers }: PlannedCluster): string {
  const nats = isCoordinated ? `, NATS on ${count(servers, 'server')}` : ''
  return `${name}: ${count(nodes, 'node')}${nats}`
}

function clientWords({ name, cluster, node, version, expirySeconds, subscriptions, publishes }: PlannedClient): string {
  const session = expirySeconds === 0 ? '' : `, session kept for ${expirySeconds} s`
  const subscribed = subscriptions.map(({ filter, qos, fromMs, untilMs }) => {
    const until = untilMs === null ? '' : ` to ${secondsWords(untilMs)}`
    return `subscribes ${filter} (QoS ${qos}) from ${secondsWords(fromMs)}${until}`
  })
  const published = publishes.map((flow) => {
    const { topic, qos, retain, expirySeconds: expiry, fromMs, everyMs } = flow
    const extras = `${retain ? ', retained' : ''}${expiry === null ? '' : `, expiry ${expiry} s`}`
    const times = flow.count === 1 ? 'once' : `${flow.count} times, every ${secondsWords(everyMs)},`
    return `publishes ${topic} (QoS ${qos}${extras}) ${times} from ${secondsWords(fromMs)}`
  })
  const protocol = version === 5 ? 'MQTT 5' : 'MQTT 3.1.1'
  return [`${name} at ${cluster}${node + 1} (${protocol}${session})`, ...subscribed, ...published].join('; ')
}

function eventsOf({ steps, quietMs }: Plan): { readonly atMs: number; readonly words: string }[] {
  const events = steps.map((step) => ({ atMs: step.atMs, words: stepWords(step) }))
  return [...events, { atMs: quietMs, words: 'all is to be well from here on' }].toSorted((a, b) => a.atMs - b.atMs)
}

function line(atMs: number, words: string): string {
  return `  ${secondsWords(atMs).padStart(9)}  ${words}`
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`
}
