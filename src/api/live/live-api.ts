/** `GET /live`: what happens in the cluster, as server-sent events, for those who look at it. */
import type { ServerResponse } from 'node:http'
import * as z from 'zod'
import type { Credentials } from '../access/access-hook.ts'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import type { LiveClock, LiveHub, LiveTopic } from './live-hub.ts'

/** Streams that one node serves at once. */
export const STREAMS_MAX = 100
const TOPICS_MAX = 32
const HEARTBEAT_MS = 15_000
/** What may wait for a reader to read it, bytes. One that lets more gather is cut off; it may come again. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024
/** After so long a reader that was cut off comes again, milliseconds. */
const RETRY_MS = 1_000

const subjects = ['links', 'nodes', 'alarms', 'log', 'actors'] as const

export type LiveApiPorts = {
  readonly hub: Pick<LiveHub, 'listen' | 'stop'>
  readonly clock: LiveClock
  /** Names of the links that are configured. */
  readonly links: () => Iterable<string>
  /** How people say who they are. Asked again with each heartbeat of a stream: tokens end. */
  readonly credentials: readonly Credentials[]
  /** Tells when users, logins or keys are others: then they are asked again at once. Returns how to end that. */
  readonly onAccess: (listener: () => void) => () => void
}

export function liveApi(ports: LiveApiPorts): ApiPart {
  return (app) => {
    const streams = new Set<LiveStream>()
    const stopWatching = ports.onAccess(() => {
      for (const stream of streams) void stream.askAgain()
    })
    app.addHook('preClose', async () => {
      stopWatching()
      ports.hub.stop()
      for (const stream of streams) stream.end()
    })
    const schema = {
      summary: 'What happens now, as server-sent events',
      description:
        'Events: `links` (an array of links: whole at first, then those that changed; `removed: true` for one that is gone), `link` ' +
        '(the metrics of one link, for `links:NAME`), `nodes`, `alarms`, `log`, `actors` (lines that came since), `silent` (nodes that ' +
        'gave no answer: `[{ node, reason }]`). A comment comes every 15 seconds. The stream ends as soon as whoever asked may look no more: ' +
        'with a logout, or the user or key; with a token that is too old within 15 seconds. It is cut where 8 MiB wait to be read.',
      tags: ['Live'],
      querystring: z.object({
        topics: z
          .string()
          .default('links')
          .describe('any of links, links:NAME, nodes, alarms, log, actors; with commas'),
        interval_ms: z.coerce.number().int().min(1_000).max(60_000).default(1_000),
      }),
      response: { 200: z.string().describe('text/event-stream') },
    }
    app.get('/live', { schema }, (request, reply) => {
      const { topics: written, interval_ms: intervalMs } = request.query
      const topics = parseTopics(written, new Set(ports.links()))
      if (streams.size >= STREAMS_MAX)
        throw new ApiError(503, 'SERVICE_UNAVAILABLE', `${STREAMS_MAX} live streams are open on this node already`)
      reply.hijack()
      // What other hooks want every answer to say.
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) reply.raw.setHeader(name, value)
      reply.raw.writeHead(200, streamHeaders)
      const { authorization } = request.headers
      const { ip } = request
      const mayLook = (): Promise<boolean> => isKnown(ports.credentials, authorization, ip)
      const stream = new LiveStream(reply.raw, ports.clock, mayLook, () => {
        streams.delete(stream)
        endListening()
      })
      streams.add(stream)
      const endListening = ports.hub.listen(stream, topics, intervalMs)
    })
  }
}

const streamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // A node that stops ends it, and need not wait for another request on it.
  connection: 'close',
  // Proxies that gather answers before they pass them on would leave the reader in the dark.
  'x-accel-buffering': 'no',
}

function parseTopics(written: string, links: ReadonlySet<string>): LiveTopic[] {
  const words = [...new Set(written.split(',').map((word) => word.trim()))].filter((word) => word !== '')
  if (words.length === 0) throw new ApiError(400, 'BAD_REQUEST', 'topics: name one at least')
  if (words.length > TOPICS_MAX) throw new ApiError(400, 'BAD_REQUEST', `topics: ${TOPICS_MAX} at most`)
  return words.map((word) => {
    const subject = subjects.find((one) => one === word)
    if (subject !== undefined) return subject
    const link = word.startsWith('links:') ? word.slice('links:'.length) : undefined
    if (link === undefined)
      throw new ApiError(400, 'BAD_REQUEST', `topics: ${word} is none of ${subjects.join(', ')}, links:NAME`)
    if (!links.has(link)) throw new ApiError(404, 'NOT_FOUND', 'Cluster link not found')
    return `links:${link}` as const
  })
}

async function isKnown(
  credentials: readonly Credentials[],
  authorization: string | undefined,
  from: string,
): Promise<boolean> {
  if (credentials.length === 0) return true
  if (authorization === undefined) return false
  for (const kind of credentials) if ((await kind.identify(authorization, from)) !== undefined) return true
  return false
}

/** One open answer. */
class LiveStream {
  readonly #response: ServerResponse
  readonly #clock: LiveClock
  readonly #mayLook: () => Promise<boolean>
  readonly #ended: () => void
  #heartbeat: { cancel(): void } | undefined
  #isOpen = true

  constructor(response: ServerResponse, clock: LiveClock, mayLook: () => Promise<boolean>, ended: () => void) {
    this.#response = response
    this.#clock = clock
    this.#mayLook = mayLook
    this.#ended = ended
    response.on('close', () => this.#close())
    response.write(`retry: ${RETRY_MS}\n\n`)
    this.#beat()
  }

  tell(event: string, data: string): void {
    this.#write(`event: ${event}\ndata: ${data}\n\n`)
  }

  end(): void {
    this.#response.end()
    this.#close()
  }

  #write(text: string): void {
    if (!this.#isOpen) return
    this.#response.write(text)
    if (this.#response.writableLength <= WAITING_BYTES_MAX) return
    this.#response.destroy()
    this.#close()
  }

  #beat(): void {
    this.#heartbeat = this.#clock.after(HEARTBEAT_MS, () => {
      this.#write(': alive\n\n')
      this.#beat()
      void this.askAgain()
    })
  }

  /** Whoever can't be identified may not look, whatever the reason is. */
  async askAgain(): Promise<void> {
    if (!(await this.#mayLook().catch(() => false))) this.end()
  }

  #close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#heartbeat?.cancel()
    this.#ended()
  }
}
