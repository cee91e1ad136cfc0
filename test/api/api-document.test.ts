/** The document of the API as a node serves it, held against OpenAPI and against the node itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asker, nodeWithApi } from './node-with-api.ts'

type Operation = {
  readonly summary?: string
  readonly tags?: readonly string[]
  readonly security?: readonly object[]
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly schema?: object
    readonly required?: boolean
  }[]
  readonly responses?: Readonly<Record<string, { readonly description?: string; readonly content?: object }>>
}
type Document = {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']

/** Every object within, with the way that leads to it. */
function* within(value: unknown, path: string): Generator<readonly [string, Readonly<Record<string, unknown>>]> {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield [path, value as Record<string, unknown>]
  for (const [key, child] of Object.entries(value)) yield* within(child, `${path}/${key}`)
}

function problemsOf(path: string, method: string, operation: Operation): string[] {
  const { summary = '', tags = [], parameters = [], responses = {} } = operation
  const problems: string[] = []
  if (!METHODS.includes(method)) problems.push('no method of HTTP')
  if (summary === '') problems.push('no summary')
  if (tags.length === 0) problems.push('no tags')
  const statuses = Object.keys(responses)
  if (!statuses.some((status) => /^2\d\d$/.test(status))) problems.push('says nothing of success')
  for (const [status, { description, content }] of Object.entries(responses)) {
    if (!/^[1-5](?:\d\d|XX)$/.test(status)) problems.push(`${status} is no status`)
    if (description === undefined) problems.push(`${status} has no description`)
    const isEmpty = status === '204' || status === '202'
    if (content === undefined && !isEmpty) problems.push(`${status} has no schema`)
  }
  const inPath = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name = '']) => name)
  const declared = parameters.filter((one) => one.in === 'path')
  if (
    inPath.toSorted().join() !==
    declared
      .map(({ name }) => name)
      .toSorted()
      .join()
  )
    problems.push('path parameters differ')
  for (const one of declared) if (one.required !== true) problems.push(`${one.name} must be required`)
  for (const one of parameters) if (one.schema === undefined) problems.push(`${one.name} has no schema`)
  return problems.map((problem) => `${method} ${path}: ${problem}`)
}

test('every route is described, the description is OpenAPI 3.1, and none but the public ones answers a stranger', async (t) => {
  const { url } = await nodeWithApi(t)
  const served = await fetch(`${url}/api-docs/json`)
  assert.equal(served.status, 200)
  const document = (await served.json()) as Document
  assert.equal(document.openapi, '3.1.0')
  assert.ok(document.info.title !== '' && document.info.version !== '')
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  )
  assert.ok(operations.length > 20)
  assert.deepEqual(
    operations.flatMap(({ path, method, operation }) => problemsOf(path, method, operation)),
    [],
  )
  const references = [...within(document, '#')].flatMap(([path, value]) => {
    const to = value['$ref']
    return typeof to === 'string' ? [{ path, to }] : []
  })
  const places = new Set([...within(document, '#')].map(([path]) => path))
  assert.deepEqual(
    references.filter(({ to }) => !places.has(to)),
    [],
  )
  assert.ok(!JSON.stringify(document).includes('undefined'))

  const stranger = asker(url, undefined)
  const open: string[] = []
  for (const { path, method } of operations) {
    if (!path.startsWith('/api/v5')) continue
    const asked = path.slice('/api/v5'.length).replaceAll(/\{[^}]+\}/g, 'x')
    const { status, headers } = await stranger(asked, { method: method.toUpperCase() })
    if (status !== 401) open.push(`${method} ${path}`)
    else if (path !== '/api/v5/login') assert.equal(headers.get('www-authenticate'), 'Bearer realm="isthmus"')
  }
  assert.deepEqual(open.toSorted(), ['get /api/v5/prometheus/stats', 'get /api/v5/status', 'post /api/v5/login'])
})

test('the page to try the API loads nothing from elsewhere and needs no script of its own', async (t) => {
  const { url } = await nodeWithApi(t)
  const page = await fetch(`${url}/api-docs/`)
  const html = await page.text()
  assert.equal(page.status, 200)
  const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => new URL(link!, page.url))
  assert.ok(links.length >= 5)
  for (const link of links) {
    assert.equal(link.origin, url)
    assert.equal((await fetch(link)).status, 200, link.href)
  }
  assert.doesNotMatch(html, /<script(?![^>]*src=)/)
})
