/** The API described by itself: OpenAPI 3.1 at `/api-docs/json`, with a page to try it at `/api-docs`. Nothing comes from another host. */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyContextConfig, RouteOptions } from 'fastify'
import { jsonSchemaTransform } from 'fastify-type-provider-zod'
import type { ApiPart } from './api-server.ts'

const problem = {
  description: 'It could not be done, and why',
  type: 'object',
  properties: {
    code: { type: 'string', description: 'EMQX’s word for the kind of mistake' },
    message: { type: 'string', description: 'for people' },
  },
  required: ['code', 'message'],
}

/** What stands in the document of one route, over what its schemas say. */
function describe(input: Parameters<typeof jsonSchemaTransform>[0]): ReturnType<typeof jsonSchemaTransform> {
  const { schema, url } = jsonSchemaTransform(input)
  if (!url.startsWith('/api/v5') || schema.hide === true) return { schema, url }
  const { config }: { config?: FastifyContextConfig } & Pick<RouteOptions, 'config'> = input.route
  const security = config?.public === true ? { security: [] } : {}
  const response = { ...(typeof schema.response === 'object' ? schema.response : {}), '4xx': problem }
  return { schema: { ...schema, ...security, response }, url }
}

/** Declared before the routes that it describes. */
export function apiDocument(version: string): ApiPart {
  return async (app) => {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Isthmus',
          description: 'Cluster linking for MQTT. Any node of a cluster answers for all of it.',
          version,
        },
        components: {
          securitySchemes: {
            basic: { type: 'http', scheme: 'basic', description: 'an API key and its secret' },
            bearer: { type: 'http', scheme: 'bearer', description: 'the token of a login' },
          },
        },
        security: [{ basic: [] }, { bearer: [] }],
      },
      transform: describe,
    })
    await app.register(swaggerUi, {
      routePrefix: '/api-docs',
      uiConfig: { deepLinking: true, docExpansion: 'none', displayRequestDuration: true },
      theme: { title: 'Isthmus API' },
    })
  }
}
