/** Headers that keep a browser from doing what no page of ours needs. Other origins get nothing: there is no CORS. */
import helmet from '@fastify/helmet'
import type { ApiPart } from './api-server.ts'

export const safeHeaders: ApiPart = async (app) => {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        // The page that explains the API styles itself, and has its pictures within.
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    frameguard: { action: 'deny' },
    // The same host serves HTTP on loopback, where this would shut its owner out.
    hsts: false,
  })
}
