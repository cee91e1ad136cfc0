/** `POST /cluster/links/{name}/dry-run`: what would cross, counted on all nodes for some seconds. It changes nothing. */
import * as z from 'zod'
import { topicFilterProblem } from '../../topics/topic-filter.ts'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import { type Call, MEMBER_WAIT_MS, type MemberCalls } from '../member-calls.ts'
import { silentNode, silentOf } from '../paging.ts'
import { DRY_RUNS_MAX, type DryRunResult, type DryRuns } from './dry-run.ts'

const FILTERS_MAX = 1_000
const TOPICS_TOLD = 100

const runCall: Call<{ topics: string[]; seconds: number }, DryRunResult> = {
  name: 'links.dry_run',
  params: z.object({ topics: z.array(z.string()), seconds: z.number() }),
}

const topicFilter = z.string().refine((text) => topicFilterProblem(text) === undefined, {
  error: ({ input }) => {
    const problem = typeof input === 'string' ? topicFilterProblem(input) : undefined
    return `no topic filter: ${problem ?? 'it is no text'}`
  },
})
const traffic = { messages: z.number(), bytes: z.number().describe('of topics and payloads') }

/** @param links names of the links that are configured */
export function dryRunApi(calls: MemberCalls, runs: DryRuns, links: () => Iterable<string>): ApiPart {
  calls.serve(runCall, ({ topics, seconds }) => runs.run(topics, seconds * 1_000))
  const schema = {
    summary: 'What would cross if the peer wanted these filters: live traffic is counted for some seconds',
    tags: ['Links'],
    params: z.object({ name: z.string() }),
    body: z.object({
      topics: z.array(topicFilter).min(1).max(FILTERS_MAX).describe('topic filters'),
      seconds: z.number().int().min(1).max(60).default(10),
    }),
    response: {
      200: z.object({
        seconds: z.number(),
        filters: z.array(z.object({ filter: z.string(), ...traffic })),
        total: z.object(traffic).describe('a message that several filters match counts once'),
        top_topics: z.array(z.object({ topic: z.string(), ...traffic })),
        truncated: z.boolean().describe('there were more topics than are told apart: those named had at least so many'),
        silent: z.array(silentNode).optional(),
      }),
    },
  }
  return (app) => {
    for (const path of ['/cluster/links/:name/dry-run', '/cluster/links/link/:name/dry-run'])
      app.post(path, { schema, config: { role: 'viewer' } }, async ({ params: { name }, body }) => {
        if (![...links()].includes(name)) throw new ApiError(404, 'NOT_FOUND', 'Cluster link not found')
        if (runs.isFull)
          throw new ApiError(
            429,
            'TOO_MANY_REQUESTS',
            `${DRY_RUNS_MAX} dry runs are going on already: try again when one has ended`,
          )
        const { seconds } = body
        const topics = [...new Set(body.topics)]
        const answers = await calls.gather(runCall, { topics, seconds }, seconds * 1_000 + MEMBER_WAIT_MS)
        const silent = silentOf(answers)
        const results = answers.flatMap((answer) => (answer.type === 'ok' ? [answer.result] : []))
        return { seconds, ...summed(topics, results), ...(silent.length > 0 ? { silent } : {}) }
      })
  }
}

type Traffic = { messages: number; bytes: number }

function summed(topics: readonly string[], results: readonly DryRunResult[]) {
  const sum = (of: (result: DryRunResult) => Traffic | undefined): Traffic => {
    const found = results.flatMap((result) => of(result) ?? [])
    return {
      messages: found.reduce((total, { messages }) => total + messages, 0),
      bytes: found.reduce((total, { bytes }) => total + bytes, 0),
    }
  }
  const byTopic = new Map<string, Traffic>()
  for (const { topTopics } of results)
    for (const { topic, messages, bytes } of topTopics) {
      const known = byTopic.get(topic) ?? { messages: 0, bytes: 0 }
      byTopic.set(topic, { messages: known.messages + messages, bytes: known.bytes + bytes })
    }
  const top = [...byTopic].toSorted(([, one], [, other]) => other.messages - one.messages || other.bytes - one.bytes)
  return {
    filters: topics.map((filter, index) => ({ filter, ...sum(({ filters }) => filters[index]) })),
    total: sum(({ total }) => total),
    top_topics: top.slice(0, TOPICS_TOLD).map(([topic, count]) => ({ topic, ...count })),
    truncated: results.some(({ isTruncated }) => isTruncated),
  }
}
