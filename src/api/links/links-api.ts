/** The links as a resource: `/cluster/links`, and each also under the path that EMQX serves, `/cluster/links/link/{name}`. */
import * as z from 'zod'
import type { DecideLinks } from '../../cluster/config/link-edits.ts'
import { ClusterError } from '../../cluster/cluster-error.ts'
import type { LinkConfig } from '../../config/config.ts'
import { ApiError } from '../api-error.ts'
import type { ApiApp, ApiPart } from '../api-server.ts'
import type { MemberCalls, NodeAnswer } from '../member-calls.ts'
import { nameIn, readLinksInSlices } from './link-body.ts'
import { LinkCalls, LINKS_PER_TURN, nextTurn } from './link-calls.ts'
import {
  checkLink,
  createLink,
  deleteLink,
  enableLink,
  known,
  putAllLinks,
  putLink,
  replaceLink,
} from './link-decisions.ts'
import { linkMetrics, metricsOf, summedMetrics } from './link-metrics.ts'
import { linkBody, linkListBody, linkShape, namelessBody, shownLink, type ShownLink } from './link-shape.ts'
import type { LinksPort } from './links-port.ts'
import type { LinkOnNode } from './node-status.ts'

const tags = ['Links']
const params = z.object({ name: z.string() })
const errorShape = z.looseObject({ code: z.string(), message: z.string() })
const invalidShape = errorShape.extend({
  errors: z
    .array(z.object({ field: z.string(), reason: z.string(), message: z.string() }))
    .optional()
    .describe('each wrong field'),
})
const notFound = { 404: errorShape }
const notNow = { 500: errorShape, 503: errorShape }
const metricsShape = z.object({
  metrics: linkMetrics.describe('over all nodes that answered'),
  node_metrics: z.array(
    z.union([z.object({ node: z.string(), metrics: linkMetrics }), z.object({ node: z.string(), error: z.string() })]),
  ),
})
const checkShape = z.object({
  ok: z.boolean(),
  errors: z.array(z.object({ field: z.string(), reason: z.string(), message: z.string() })),
})

export function linksApi(calls: MemberCalls, port: LinksPort): ApiPart {
  const links = new Links(new LinkCalls(calls, port), port)
  return (app) => {
    collectionRoutes(app, links)
    for (const path of ['/cluster/links/:name', '/cluster/links/link/:name']) {
      linkRoutes(app, links, path)
      metricsRoutes(app, links, path)
    }
  }
}

/** Answers of many links are what we made them: to hold each to its shape once more takes longer than to make it. */
const asTheyAre = { serializerCompiler: () => (data: unknown) => JSON.stringify(data) }

function collectionRoutes(app: ApiApp, links: Links): void {
  const path = '/cluster/links'
  app.get(
    path,
    { schema: { summary: 'All links, with how each is', tags, response: { 200: z.array(linkShape) } }, ...asTheyAre },
    () => links.list(),
  )
  app.post(
    path,
    {
      schema: {
        summary: 'Create a link',
        tags,
        body: linkBody,
        response: { 201: linkShape, 400: invalidShape, ...notNow },
      },
    },
    async (request, reply) => reply.status(201).send(await links.create(request.body)),
  )
  app.put(
    path,
    {
      schema: {
        summary: 'Replace the whole list, or create or replace one link: the one that the body names',
        tags,
        body: linkListBody,
        response: { 200: z.union([z.array(linkShape), linkShape]), 400: invalidShape, ...notNow },
      },
      ...asTheyAre,
    },
    ({ body }) => (Array.isArray(body) ? links.putAll(body) : links.put(body)),
  )
  app.post(
    `${path}/check`,
    {
      schema: {
        summary: 'What creating this link would say, or replacing an existing one; changes nothing',
        tags,
        body: linkBody,
        querystring: z.object({ existing: z.string().optional().describe('name of the link that is edited') }),
        response: { 200: checkShape, ...notFound },
      },
    },
    ({ body, query }) => links.check(body, query.existing),
  )
}

function linkRoutes(app: ApiApp, links: Links, path: string): void {
  app.get(
    path,
    { schema: { summary: 'A link, with how it is', tags, params, response: { 200: linkShape, ...notFound } } },
    ({ params: { name } }) => links.get(name),
  )
  app.put(
    path,
    {
      schema: {
        summary: 'Replace the settings of a link; what is left out has its default',
        tags,
        params,
        body: namelessBody,
        response: { 200: linkShape, 400: invalidShape, ...notFound, ...notNow },
      },
    },
    ({ params: { name }, body }) => links.replace(name, body),
  )
  app.delete(
    path,
    { schema: { summary: 'Delete a link', tags, params, response: { 204: z.null(), ...notFound, ...notNow } } },
    async ({ params: { name } }, reply) => {
      await links.remove(name)
      return reply.status(204).send(null)
    },
  )
  app.put(
    `${path}/enable`,
    {
      schema: {
        summary: 'Enable or disable a link',
        tags,
        params,
        body: z.strictObject({ enable: z.boolean() }),
        response: { 200: linkShape, 400: errorShape, ...notFound, ...notNow },
      },
    },
    ({ params: { name }, body: { enable } }) => links.enable(name, enable),
  )
}

function metricsRoutes(app: ApiApp, links: Links, path: string): void {
  app.get(
    `${path}/metrics`,
    {
      schema: {
        summary: 'What crossed a link, waits for it and got lost',
        tags,
        params,
        response: { 200: metricsShape, ...notFound },
      },
    },
    ({ params: { name } }) => links.metrics(name),
  )
  app.put(
    `${path}/metrics/reset`,
    {
      schema: {
        summary: 'Begin all counts of a link anew, on all nodes',
        tags,
        params,
        response: { 204: z.null(), ...notFound, 500: errorShape },
      },
    },
    async ({ params: { name } }, reply) => {
      await links.resetMetrics(name)
      return reply.status(204).send(null)
    },
  )
}

class Links {
  readonly #calls: LinkCalls
  readonly #port: LinksPort

  constructor(calls: LinkCalls, port: LinksPort) {
    this.#calls = calls
    this.#port = port
  }

  async list(): Promise<ShownLink[]> {
    return this.#shown(this.#port.configs())
  }

  async get(name: string): Promise<ShownLink> {
    return this.#one(known(this.#port.configs(), name))
  }

  async create(body: unknown): Promise<ShownLink> {
    return this.#changed(createLink(this.#port.cluster, body), nameIn(body))
  }

  async put(body: unknown): Promise<ShownLink> {
    return this.#changed(putLink(this.#port.cluster, body), nameIn(body))
  }

  async putAll(bodies: readonly unknown[]): Promise<ShownLink[]> {
    const { cluster } = this.#port
    const read = await readLinksInSlices(cluster, bodies, this.#port.configs(), nextTurn)
    return this.#shown(await this.#change(putAllLinks(cluster, bodies, read)))
  }

  async replace(name: string, body: unknown): Promise<ShownLink> {
    return this.#changed(replaceLink(this.#port.cluster, name, body), name)
  }

  async enable(name: string, enable: boolean): Promise<ShownLink> {
    return this.#changed(enableLink(name, enable), name)
  }

  async remove(name: string): Promise<void> {
    await this.#change(deleteLink(name))
  }

  check(body: unknown, existing: string | undefined): z.infer<typeof checkShape> {
    const errors = [...checkLink(this.#port.cluster, this.#port.configs(), body, existing)]
    return { ok: errors.length === 0, errors }
  }

  async metrics(name: string): Promise<z.infer<typeof metricsShape>> {
    known(this.#port.configs(), name)
    const answers = await this.#calls.metrics(name)
    const found = answers.flatMap((answer) => (answer.type === 'ok' && answer.result !== null ? [answer.result] : []))
    return {
      metrics: summedMetrics(found),
      node_metrics: answers.map((answer) => {
        const { node } = answer
        if (answer.type === 'failed') return { node, error: answer.reason }
        if (answer.result === null) return { node, error: 'this node does not have the link yet' }
        return { node, metrics: metricsOf(answer.result) }
      }),
    }
  }

  async resetMetrics(name: string): Promise<void> {
    known(this.#port.configs(), name)
    const answers = await this.#calls.reset(name)
    const failed = answers.filter((answer) => answer.type === 'failed')
    if (failed.length === 0) return
    const words = failed.map(({ node, reason }) => `${node}: ${reason}`).join('; ')
    const nodes = failed.map(({ node }) => node)
    throw new ApiError(500, 'INTERNAL_ERROR', `the counts go on where the node did not answer: ${words}`, { nodes })
  }

  async #changed(decide: DecideLinks, name: string | undefined): Promise<ShownLink> {
    const links = await this.#change(decide)
    return this.#one(known(links, name ?? ''))
  }

  async #change(decide: DecideLinks): Promise<readonly LinkConfig[]> {
    try {
      return await this.#port.change(decide)
    } catch (error) {
      throw error instanceof ClusterError ? refusalOf(error) : error
    }
  }

  async #one(link: LinkConfig): Promise<ShownLink> {
    return shownLink(link, aboutOne(await this.#calls.statuses(link.name), link.name))
  }

  async #shown(links: readonly LinkConfig[]): Promise<ShownLink[]> {
    const answers = await this.#calls.statuses()
    const shown: ShownLink[] = []
    for (const link of links) {
      if (shown.length % LINKS_PER_TURN === LINKS_PER_TURN - 1) await nextTurn()
      shown.push(shownLink(link, aboutOne(answers, link.name)))
    }
    return shown
  }
}

function aboutOne(
  answers: readonly NodeAnswer<Readonly<Record<string, LinkOnNode>>>[],
  name: string,
): NodeAnswer<LinkOnNode | undefined>[] {
  return answers.map((answer) => {
    if (answer.type === 'failed') return answer
    return { ...answer, result: Object.hasOwn(answer.result, name) ? answer.result[name] : undefined }
  })
}

function refusalOf({ code, message }: ClusterError): ApiError {
  if (code === 'DATA_DIR_UNUSABLE') return new ApiError(500, 'INTERNAL_ERROR', message)
  return new ApiError(503, 'SERVICE_UNAVAILABLE', message)
}
