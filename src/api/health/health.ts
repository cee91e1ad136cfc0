/** `/healthz` and `/readyz`: for whoever starts nodes, and for whoever sends clients to them. */
import * as z from 'zod'
import type { ApiPart } from '../api-server.ts'

const alive = z.object({ status: z.literal('alive') })
const ready = z.object({ status: z.literal('ready') })
const unready = z.object({ status: z.literal('not_ready'), reasons: z.array(z.string()) })

/** @param unreadyReasons why the node is not to be sent clients now; empty if it is */
export function healthRoutes(unreadyReasons: () => readonly string[]): ApiPart {
  return (app) => {
    const healthz = { summary: 'The process answers', tags: ['Health'], response: { 200: alive } }
    app.get('/healthz', { schema: healthz }, () => ({ status: 'alive' }) as const)
    const readyz = {
      summary: 'The node serves: it has started, its listeners listen, its store takes what is written',
      tags: ['Health'],
      response: { 200: ready, 503: unready },
    }
    app.get('/readyz', { schema: readyz }, (_request, reply) => {
      const reasons = unreadyReasons()
      if (reasons.length === 0) return { status: 'ready' } as const
      void reply.status(503)
      return { status: 'not_ready' as const, reasons: [...reasons] }
    })
  }
}
