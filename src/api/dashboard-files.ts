/** Serves the dashboard as it was built. Anybody may read its files: what they show is asked of the API, which wants to know who asks. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import { ApiError } from './api-error.ts'
import type { ApiPart } from './api-server.ts'

/** Everything comes from this node, nothing is written into the page, and no other page holds it in a frame. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

/** @param directory where it was built; a node that is run without its dashboard says so */
export function dashboardFiles(directory: string): ApiPart {
  return async (app) => {
    if (!existsSync(join(directory, 'index.html'))) {
      app.get('/', { schema: { hide: true } }, () => {
        throw new ApiError(404, 'NOT_FOUND', 'the dashboard is not built: npm run build')
      })
      return
    }
    await app.register(fastifyStatic, {
      root: directory,
      wildcard: false,
      cacheControl: false,
      setHeaders(response, path) {
        // The name of an asset changes with what is in it; the page that names them is asked for each time.
        const isAsset = path.startsWith(join(directory, 'assets'))
        void response.setHeader('cache-control', isAsset ? 'public, max-age=31536000, immutable' : 'no-cache')
        void response.setHeader('content-security-policy', CONTENT_SECURITY_POLICY)
        void response.setHeader('x-content-type-options', 'nosniff')
        void response.setHeader('referrer-policy', 'no-referrer')
      },
    })
  }
}
