/** Retained messages, which all members have alike: listed, shown, cleared. */
import * as z from 'zod'
import type { Publication } from '../../packets/publication.ts'
import { matches } from '../../topics/match.ts'
import { topicFilterProblem } from '../../topics/topic-filter.ts'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import { sliceOf } from '../merged-list.ts'
import { pageFrom, pageOf, pageQuery, pageStart } from '../paging.ts'
import { isoTime } from './client-row.ts'

/** The broker, as far as it is asked about what it retains. */
export interface RetainedPort {
  /** Some of them may have expired. */
  readonly retainedCount: number
  /** May be gone through bit by bit, while things change. */
  retainedMessages(): Iterable<Publication>
  /** `undefined` if there is none, or it has expired. */
  liveRetained(topic: string): Publication | undefined
  /** As an empty retained publish does. Returns false if the node can't keep that now. */
  clearRetained(topic: string): boolean
}

const retained = z.object({
  topic: z.string(),
  qos: z.number().int(),
  publish_at: z.string(),
  from_clientid: z.string().optional(),
  from_username: z.string().optional(),
  origin: z.string().optional().describe('the cluster whose link brought it'),
  expires_at: z.string().optional(),
  bytes: z.number().int().describe('of the payload'),
})

const withPayload = retained.extend({
  payload: z.string().describe('base64'),
  payload_truncated: z.boolean().optional().describe('these are its first bytes'),
})

type RetainedRow = z.infer<typeof retained>

/** So much of a payload is shown, bytes. */
const PAYLOAD_BYTES_MAX = 1024 * 1024

const tags = ['Retained messages']
const byTopic = z.object({ topic: z.string().describe('percent-encoded: a%2Fb') })

export function retainedApi(port: RetainedPort): ApiPart {
  return (app) => {
    app.get(
      '/mqtt/retainer/messages',
      {
        schema: {
          summary: 'Retained messages, without their payloads',
          tags,
          querystring: z.object({ ...pageQuery, topic: z.string().optional().describe('a topic filter') }),
          response: { 200: pageOf(retained) },
        },
      },
      async ({ query: { page, limit, topic } }) => {
        const query = { page, limit }
        if (topic !== undefined) checkFilter(topic)
        const range = { start: pageStart(query), limit }
        const { count, entries } = await sliceOf(candidates(port, topic), range, {
          matches: topic === undefined ? undefined : (one) => matches(one.topic, topic),
          total: port.retainedCount,
          show: rowOf,
        })
        return pageFrom(entries, count, query)
      },
    )
    app.get(
      '/mqtt/retainer/message/:topic',
      {
        schema: {
          summary: 'A retained message with its payload',
          tags,
          params: byTopic,
          response: { 200: withPayload },
        },
      },
      ({ params: { topic } }) => shown(found(port, topic)),
    )
    app.delete(
      '/mqtt/retainer/message/:topic',
      {
        schema: {
          summary: 'Clears a topic on all nodes, as an empty retained message does',
          tags,
          params: byTopic,
          response: { 204: z.null() },
        },
      },
      async ({ params: { topic } }, reply) => {
        found(port, topic)
        if (!port.clearRetained(topic))
          throw new ApiError(503, 'SERVICE_UNAVAILABLE', 'the disk of the node takes nothing: it could not keep that')
        return reply.status(204).send(null)
      },
    )
  }
}

/** A topic is found without a search. */
function candidates(port: RetainedPort, filter: string | undefined): Iterable<Publication> {
  if (filter === undefined || /[+#]/.test(filter)) return port.retainedMessages()
  const one = port.liveRetained(filter)
  return one === undefined ? [] : [one]
}

function checkFilter(filter: string): void {
  const problem = topicFilterProblem(filter)
  if (problem !== undefined) throw new ApiError(400, 'BAD_REQUEST', `topic: ${problem}`)
}

function found(port: RetainedPort, topic: string): Publication {
  const publication = port.liveRetained(topic)
  if (publication === undefined) throw new ApiError(404, 'NOT_FOUND', `nothing is retained under ${topic}`)
  return publication
}

function rowOf(publication: Publication): RetainedRow {
  const { topic, qos, receivedAtMs, expiresAtMs, publisher, origin, payloadLength } = publication
  return {
    topic,
    qos,
    publish_at: isoTime(receivedAtMs),
    ...(publisher.clientId === '' ? {} : { from_clientid: publisher.clientId }),
    ...(publisher.username === undefined ? {} : { from_username: publisher.username }),
    ...(origin === undefined ? {} : { origin }),
    ...(Number.isFinite(expiresAtMs) ? { expires_at: isoTime(expiresAtMs) } : {}),
    bytes: payloadLength,
  }
}

function shown(publication: Publication): z.infer<typeof withPayload> {
  const { end, payloadLength, buffer } = publication
  const start = end - payloadLength
  const payload = buffer.toString('base64', start, Math.min(end, start + PAYLOAD_BYTES_MAX))
  return { ...rowOf(publication), payload, ...(payloadLength > PAYLOAD_BYTES_MAX ? { payload_truncated: true } : {}) }
}
