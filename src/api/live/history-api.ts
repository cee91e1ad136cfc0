/** The last hour for charts: of a link and of the whole cluster, each over all nodes and by node. */
import * as z from 'zod'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import type { Call, MemberCalls } from '../member-calls.ts'
import { silentNode, silentOf } from '../paging.ts'
import { type History, INTERVAL_MS, linkColumns, nodeColumns, type SeriesOf } from './history.ts'

const HOUR_S = 3_600

const ofLink: Call<{ link: string; seconds: number }, SeriesOf<string> | null> = {
  name: 'live.link_history',
  params: z.object({ link: z.string(), seconds: z.number() }),
}
const ofNode: Call<{ seconds: number }, SeriesOf<string>> = {
  name: 'live.history',
  params: z.object({ seconds: z.number() }),
}

/** A value for each time in `at`; `null` where nothing is known. */
const values = z.array(z.number().nullable())
const linkSeries = z.object({
  at: z.array(z.number()).describe('milliseconds since 1970'),
  out: values.describe('messages that crossed to the peer, each second'),
  in: values.describe('messages that came from the peer, each second'),
  bytes_out: values,
  bytes_in: values,
  outbox: values.describe('messages that waited or flew'),
  p50_ms: values.describe('from the sending of a batch to its acknowledgement; of several nodes the slowest'),
  p99_ms: values,
})
const nodeSeries = z.object({
  at: z.array(z.number()).describe('milliseconds since 1970'),
  published: values.describe('messages taken in, each second'),
  delivered: values.describe('messages handed to clients, each second'),
  connections: values,
  cpu: values.describe('percent of one processor'),
  memory: values.describe('bytes'),
  loop_delay_ms: values.describe('99th percentile; of several nodes the slowest'),
})
const query = z.object({
  seconds: z.coerce.number().int().min(10).max(HOUR_S).default(HOUR_S).describe('how far back'),
})

function answerOf<Series extends z.ZodType>(series: Series) {
  return z.object({
    interval_ms: z.number(),
    series,
    nodes: z.array(z.object({ node: z.string(), series })),
    silent: z.array(silentNode).optional(),
  })
}

/** Asked of several nodes, of these the slowest counts; all else is a sum. */
const slowest: ReadonlySet<string> = new Set(['p50_ms', 'p99_ms', 'loop_delay_ms'])

/** @param links names of the links that are configured */
export function historyApi(calls: MemberCalls, history: History, links: () => Iterable<string>): ApiPart {
  calls.serve(ofLink, ({ link, seconds }) => history.link(link, seconds * 1_000) ?? null)
  calls.serve(ofNode, ({ seconds }) => history.node(seconds * 1_000))
  return (app) => {
    for (const path of ['/cluster/links/:name/history', '/cluster/links/link/:name/history'])
      app.get(
        path,
        {
          schema: {
            summary: 'The last hour of a link, over all nodes and by node',
            tags: ['Links'],
            params: z.object({ name: z.string() }),
            querystring: query,
            response: { 200: answerOf(linkSeries) },
          },
        },
        async ({ params: { name }, query: { seconds } }) => {
          if (![...links()].includes(name)) throw new ApiError(404, 'NOT_FOUND', 'Cluster link not found')
          const answers = await calls.gather(ofLink, { link: name, seconds })
          const nodes = answers.flatMap((answer) =>
            answer.type === 'ok' && answer.result !== null ? [{ node: answer.node, series: answer.result }] : [],
          )
          return linkAnswer(nodes, silentOf(answers))
        },
      )
    app.get(
      '/history',
      {
        schema: {
          summary: 'The last hour of the cluster and of each node',
          tags: ['Nodes'],
          querystring: query,
          response: { 200: answerOf(nodeSeries) },
        },
      },
      async ({ query: { seconds } }) => {
        const answers = await calls.gather(ofNode, { seconds })
        const nodes = answers.flatMap((answer) =>
          answer.type === 'ok' ? [{ node: answer.node, series: answer.result }] : [],
        )
        return nodeAnswer(nodes, silentOf(answers))
      },
    )
  }
}

type OfNode = { readonly node: string; readonly series: SeriesOf<string> }
type Silent = readonly z.infer<typeof silentNode>[]

function linkAnswer(nodes: readonly OfNode[], silent: Silent) {
  return {
    interval_ms: INTERVAL_MS,
    series: linkSeries.parse(merged(nodes, linkColumns)),
    nodes: nodes.map(({ node, series }) => ({
      node,
      series: linkSeries.parse(merged([{ node, series }], linkColumns)),
    })),
    ...(silent.length > 0 ? { silent: [...silent] } : {}),
  }
}

function nodeAnswer(nodes: readonly OfNode[], silent: Silent) {
  return {
    interval_ms: INTERVAL_MS,
    series: nodeSeries.parse(merged(nodes, nodeColumns)),
    nodes: nodes.map(({ node, series }) => ({
      node,
      series: nodeSeries.parse(merged([{ node, series }], nodeColumns)),
    })),
    ...(silent.length > 0 ? { silent: [...silent] } : {}),
  }
}

/** Samples of the same instant are one: a sum, or the slowest. `null` where no node knows anything. */
export function merged(nodes: readonly OfNode[], columns: readonly string[]): Record<string, (number | null)[]> {
  const times = [...new Set(nodes.flatMap(({ series }) => series.at))].toSorted((one, other) => one - other)
  const placeOf = new Map(times.map((atMs, place) => [atMs, place]))
  const all: Record<string, (number | null)[]> = { at: times }
  for (const column of columns) {
    const row: (number | null)[] = times.map(() => null)
    for (const { series } of nodes)
      for (const [index, value] of (series[column] ?? []).entries()) {
        const place = placeOf.get(series.at[index] ?? Number.NaN)
        if (place === undefined || Number.isNaN(value)) continue
        const known = row[place] ?? null
        if (known === null) row[place] = rounded(value)
        else row[place] = slowest.has(column) ? Math.max(known, rounded(value)) : rounded(known + value)
      }
    all[column] = row
  }
  return all
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000
}
