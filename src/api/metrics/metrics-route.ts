/** What Prometheus scrapes: `/metrics`, and the path under which EMQX has it. */
import { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import * as z from 'zod'
import type { ApiPart } from '../api-server.ts'

/** How metrics are written. */
export interface ScrapePort {
  /** @param accept what the scraper takes, as its header says */
  scrape(accept: string | undefined): { readonly contentType: string; readonly text: AsyncIterable<string> }
  /** Rejects with `ApiError` if whoever asks may not read them. */
  admit(request: FastifyRequest): Promise<void>
}

/** @param path where it stands */
export function metricsRoute(path: '/metrics' | '/prometheus/stats', port: ScrapePort): ApiPart {
  return (app) => {
    const schema = {
      summary: 'Metrics for Prometheus, of this node alone',
      tags: ['Metrics'],
      produces: ['text/plain', 'application/openmetrics-text'],
      response: { 200: z.unknown().describe('text, one line a series') },
    }
    const options = { schema, config: { public: true }, onRequest: (request: FastifyRequest) => port.admit(request) }
    app.get(path, options, (request, reply) => {
      const { contentType, text } = port.scrape(request.headers.accept)
      // Piece by piece, as it is put together: of many links it is long.
      void reply.type(contentType).send(Readable.from(text))
    })
  }
}
