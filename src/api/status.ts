/** `GET /status`: whether this node runs, in EMQX's words, for scripts and load balancers. */
import * as z from 'zod'
import type { ApiPart } from './api-server.ts'

/** @param node its name */
export function statusApi(node: string): ApiPart {
  return (app) => {
    const schema = {
      summary: 'Whether this node runs',
      tags: ['Nodes'],
      produces: ['text/plain'],
      response: { 200: z.string() },
    }
    app.get('/status', { schema, config: { public: true } }, (_request, reply) => {
      void reply.type('text/plain')
      return `Node ${node} is started\nisthmus is running\n`
    })
  }
}
