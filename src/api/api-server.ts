/** The HTTP server of a node: the REST API under `/api/v5`, and what stands beside it at the root. */
import { STATUS_CODES } from 'node:http'
import {
  fastify,
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
} from 'fastify'
import {
  hasZodFastifySchemaValidationErrors,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { ClusterError } from '../cluster/cluster-error.ts'
import { ApiError, type ApiErrorCode } from './api-error.ts'

export type ApiApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>

/** A part of the API: declares its routes, each with schemas and a summary. */
export type ApiPart = (app: ApiApp) => void | Promise<void>

export type ApiServerOptions = {
  /** What all routes have of the server, declared before them. */
  readonly before?: readonly ApiPart[]
  /** What stands in front of every route under `/api/v5`, declared before them: who asks, and whether they may. */
  readonly guard?: ApiPart
  /** Routes under `/api/v5`. */
  readonly parts: readonly ApiPart[]
  /** Routes at the root: metrics, health, the dashboard. Nobody is asked who they are there. */
  readonly roots: readonly ApiPart[]
  readonly log: ApiLog
}

export interface ApiLog {
  warn(fields: object, event: string): void
  error(fields: object, event: string): void
}

/** Longest body, bytes. */
const BODY_BYTES_MAX = 4 * 1024 * 1024
/** How long a request may take to come, and its headers alone; how long an idle connection is kept. Milliseconds. */
export const REQUEST_MS = 30_000
export const HEADERS_MS = 10_000
export const KEEP_ALIVE_MS = 60_000
/** Open at once: each browser has a few. */
const CONNECTIONS_MAX = 1_000
/** Longest name in a path, encoded: of a topic, or of a client. */
const PARAM_CHARACTERS_MAX = 200_000

/** A server that does not listen yet. */
export async function createApiServer({ before = [], guard, parts, roots, log }: ApiServerOptions): Promise<ApiApp> {
  const app = fastify({
    bodyLimit: BODY_BYTES_MAX,
    logger: false,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: { headersTimeout: HEADERS_MS },
    routerOptions: { maxParamLength: PARAM_CHARACTERS_MAX },
  }).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setErrorHandler((error: FastifyError | ApiError | ClusterError, request, reply) =>
    answerError(error, request, reply, log),
  )
  app.setNotFoundHandler((request) => {
    throw new ApiError(404, 'NOT_FOUND', `there is no ${request.method} ${request.url.split('?')[0]}`)
  })
  app.server.maxConnections = CONNECTIONS_MAX
  for (const part of before) await part(app)
  await app.register(
    async (api: ApiApp) => {
      await guard?.(api)
      for (const part of parts) await part(api)
    },
    { prefix: '/api/v5' },
  )
  for (const root of roots) await app.register(async (scope: ApiApp) => root(scope))
  return app
}

function answerError(
  error: FastifyError | ApiError | ClusterError,
  request: FastifyRequest,
  reply: FastifyReply,
  log: ApiLog,
): unknown {
  if (error instanceof ApiError && error.status === 401) void reply.header('www-authenticate', 'Bearer realm="isthmus"')
  if (error instanceof ApiError)
    return reply.status(error.status).send({ code: error.code, message: error.message, ...error.more })
  if (hasZodFastifySchemaValidationErrors(error)) {
    const reason = error.validation.map(({ instancePath, message }) => `${fieldOf(instancePath)}${message}`).join('; ')
    return reply.status(400).send({ code: 'BAD_REQUEST', message: reason })
  }
  if (error instanceof ClusterError && error.code !== 'DATA_DIR_UNUSABLE')
    return reply.status(503).send({ code: 'SERVICE_UNAVAILABLE', message: error.message })
  const status = 'statusCode' in error ? (error.statusCode ?? 500) : 500
  if (status >= 500) {
    log.error({ err: error, method: request.method, url: request.url }, 'api_request_failed')
    return reply
      .status(500)
      .send({ code: 'INTERNAL_ERROR', message: 'something went wrong here: the log of the node says what' })
  }
  return reply.status(status).send({ code: codeOf(status), message: error.message || (STATUS_CODES[status] ?? '') })
}

/** `/topics/0` -> `topics.0: ` */
function fieldOf(instancePath: string): string {
  return instancePath === '' ? '' : `${instancePath.slice(1).replaceAll('/', '.')}: `
}

function codeOf(status: number): ApiErrorCode {
  if (status === 413) return 'PAYLOAD_TOO_LARGE'
  if (status === 429) return 'TOO_MANY_REQUESTS'
  return status === 404 ? 'NOT_FOUND' : 'BAD_REQUEST'
}
