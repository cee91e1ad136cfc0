import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApiServer } from '../../../src/api/api-server.ts'
import { linksApi } from '../../../src/api/links/links-api.ts'
import type { LinksPort } from '../../../src/api/links/links-port.ts'
import type { LinkMetricsOnNode } from '../../../src/api/links/link-metrics.ts'
import type { LinkOnNode } from '../../../src/api/links/node-status.ts'
import { MemberCalls, type Members } from '../../../src/api/member-calls.ts'
import { ClusterError, type ClusterErrorCode } from '../../../src/cluster/cluster-error.ts'
import { editLinks, type DecideLinks } from '../../../src/cluster/config/link-edits.ts'
import type { LinkConfig } from '../../../src/config/config.ts'
import { InboundLedger } from '../../../src/lanes/inbound-ledger.ts'
import { Ledger } from '../../../src/lanes/ledger.ts'
import { assertHolds } from '../holds.ts'

const running: LinkOnNode = {
  status: 'running',
  reasons: [],
  planes: {
    route_sync: { state: 'syncing' },
    forwarding: { state: 'up', connections: 1, up: 1 },
    inbound: { state: 'live' },
  },
  paused: false,
}

/** The links that all nodes share, as a register with compare and set has them: others may be faster. */
class Shared {
  links: readonly LinkConfig[] = []
  failure: ClusterErrorCode | undefined
  #version = 0

  async change(decide: DecideLinks): Promise<readonly LinkConfig[]> {
    for (;;) {
      const version = this.#version
      const edits = decide(this.links)
      await Promise.resolve()
      if (this.failure !== undefined) throw new ClusterError(this.failure, 'in words')
      if (this.#version !== version) continue
      this.#version += 1
      this.links = editLinks(this.links, edits)
      return this.links
    }
  }
}

class FakeNode implements LinksPort {
  readonly cluster = 'here'
  readonly #shared: Shared
  readonly own = new Map<string, LinkOnNode>()
  matched = 0

  constructor(shared: Shared) {
    this.#shared = shared
  }

  configs = () => this.#shared.links
  change = (decide: DecideLinks) => this.#shared.change(decide)
  status = (name: string) => this.own.get(name) ?? (this.#has(name) ? running : undefined)

  metrics(name: string): LinkMetricsOnNode | undefined {
    if (!this.#has(name)) return undefined
    const ledger = new Ledger()
    ledger.enterQueued(this.matched)
    ledger.enterDropped(1, 'expired')
    return {
      ledger: ledger.snapshot(),
      inbound: new InboundLedger({ accepted: 2, duplicate: 1 }).snapshot(),
      rates: { rate: 1.5, rate_last5m: 1, rate_max: 2 },
      outbox: {
        messages: this.matched,
        bytes: 10,
        oldest_ms: 5,
        max_messages: null,
        max_bytes: 100,
        above_mark: false,
      },
      bytes: { out: 3, in: 4 },
      routes: { ours: 7, peers: 8 },
      latency: { ack: null },
    }
  }

  resetMetrics(name: string): boolean {
    this.matched = 0
    return this.#has(name)
  }

  #has(name: string): boolean {
    return this.#shared.links.some((link) => link.name === name)
  }
}

type Answer = { readonly status: number; readonly body: unknown }

/** Nodes whose APIs are asked without sockets. One that is silent answers no other node. */
async function nodes(...names: readonly string[]) {
  const shared = new Shared()
  const served = new Map<string, (body: unknown) => Promise<unknown>>()
  const silent = new Set<string>()
  const all = await Promise.all(
    names.map(async (self) => {
      const members: Members = {
        self,
        others: () => names.filter((name) => name !== self),
        ask: (node, _kind, body) =>
          silent.has(node) ? Promise.reject(new Error('no answer within 2000 ms')) : served.get(node)!(body),
        serve: (_kind, answer) => void served.set(self, answer),
      }
      const node = new FakeNode(shared)
      const app = await createApiServer({
        parts: [linksApi(new MemberCalls(members), node)],
        roots: [],
        log: { warn: () => {}, error: (fields) => assert.fail(JSON.stringify(fields)) },
      })
      const ask = async (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<Answer> => {
        const response = await app.inject({
          method,
          url: `/api/v5${path}`,
          ...(body === undefined ? {} : { payload: body as object }),
        })
        return { status: response.statusCode, body: response.body === '' ? undefined : response.json() }
      }
      return { node, ask }
    }),
  )
  return { shared, silent, nodes: all, ...all[0]! }
}

const link = { name: 'eu-west', server: '127.0.0.1:2883', topics: ['t/#'] }
const west = '/cluster/links/eu-west'

function has(answer: Answer, status: number, body: object): void {
  assert.equal(answer.status, status, JSON.stringify(answer.body))
  assertHolds(answer.body, body)
}

/** How many have which status. */
function countOf(answers: readonly Answer[]): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

test('a link is created, read, replaced and deleted, under both spellings of its path', async () => {
  const { ask } = await nodes('n1')
  has(await ask('GET', '/cluster/links'), 200, [])
  has(await ask('POST', '/cluster/links', { ...link, retry_interval: '20s' }), 201, {
    ...link,
    enable: true,
    retry_interval: '20s',
    clientid: 'here',
    stale_ttl: '1d',
    resource_opts: { max_buffer_bytes: '256MB', max_buffer_messages: 'infinity', request_ttl: 'infinity' },
    status: 'running',
    emqx_status: 'connected',
    node_status: [{ node: 'n1', status: 'running', emqx_status: 'connected', paused: false }],
  })
  for (const path of [west, '/cluster/links/link/eu-west']) has(await ask('GET', path), 200, link)
  has(await ask('PUT', '/cluster/links/link/eu-west', { server: 'h:1', topics: [] }), 200, {
    server: 'h:1',
    retry_interval: '15s',
  })
  has(await ask('GET', '/cluster/links'), 200, [{ name: 'eu-west', server: 'h:1' }])
  assert.deepEqual(await ask('DELETE', west), { status: 204, body: undefined })
  has(await ask('DELETE', west), 404, { code: 'NOT_FOUND', message: 'Cluster link not found' })
})

test('what is not there is not found, whatever is asked of it', async () => {
  const { ask } = await nodes('n1')
  for (const path of [west, '/cluster/links/link/eu-west'])
    for (const answer of [
      await ask('GET', path),
      await ask('PUT', path, { server: 'h:1', topics: [] }),
      await ask('DELETE', path),
      await ask('PUT', `${path}/enable`, { enable: true }),
      await ask('GET', `${path}/metrics`),
      await ask('PUT', `${path}/metrics/reset`),
      await ask('POST', '/cluster/links/check?existing=eu-west', link),
    ])
      has(answer, 404, { code: 'NOT_FOUND', message: 'Cluster link not found' })
})

test('a name that is taken is refused; of two who create it at once on different nodes one comes too late', async () => {
  const { nodes: all, shared } = await nodes('n1', 'n2')
  const both = await Promise.all(all.map(({ ask }) => ask('POST', '/cluster/links', link)))
  assert.deepEqual(countOf(both), { 201: 1, 400: 1 })
  has(
    both.find(({ status }) => status === 400)!,
    400,
    {
      code: 'ALREADY_EXISTS',
      message: 'Cluster link already exists',
    },
  )
  assert.equal(shared.links.length, 1)
})

test('eight who delete one link at once: one did it, and seven find nothing', async () => {
  const { ask, nodes: all } = await nodes('n1', 'n2')
  await ask('POST', '/cluster/links', link)
  const eight = await Promise.all(Array.from({ length: 8 }, (_, index) => all[index % 2]!.ask('DELETE', west)))
  assert.deepEqual(countOf(eight), { 204: 1, 404: 7 })
})

test('the whole list is replaced, and one link by the name in the body is created or replaced', async () => {
  const { ask } = await nodes('n1')
  const south = { ...link, name: 'south', username: 'u', password: 'geheim' }
  has(await ask('PUT', '/cluster/links', [link, south]), 200, [{ name: 'eu-west' }, { name: 'south' }])
  has(await ask('PUT', '/cluster/links', { ...link, name: 'asia' }), 200, { name: 'asia' })
  has(await ask('PUT', '/cluster/links', { ...link, name: 'asia', enable: false }), 200, { enable: false })
  const { body } = await ask('GET', '/cluster/links')
  assert.ok(Array.isArray(body))
  assert.deepEqual(
    body.map(({ name }) => name),
    ['eu-west', 'south', 'asia'],
  )
  has(await ask('PUT', '/cluster/links', body.slice(1)), 200, [{ name: 'south', password: '******' }, { name: 'asia' }])
  has(await ask('GET', west), 404, {})
})

for (const { what, body, errors } of [
  {
    what: 'nothing',
    body: {},
    errors: [{ field: 'name' }, { field: 'server' }, { field: 'topics' }],
  },
  {
    what: 'a misspelt key, a number that is too large and a bad filter',
    body: { ...link, topcis: [], pool_size: 5000, topics: ['a/#/b'] },
    errors: [{ field: 'topics' }, { field: 'pool_size' }, { field: 'topcis' }],
  },
  {
    what: 'a misspelt key further down',
    body: { ...link, resource_opts: { request_tll: '1s' } },
    errors: [{ field: 'resource_opts.request_tll', message: 'unknown key; did you mean "request_ttl"?' }],
  },
  { what: 'the name of the cluster itself', body: { ...link, name: 'here' }, errors: [{ field: 'name' }] },
  {
    what: 'a certificate that is not there',
    body: { ...link, ssl: { enable: true, cacertfile: '/nowhere/ca.pem' } },
    errors: [{ field: 'ssl.cacertfile', reason: 'file_not_readable' }],
  },
  {
    what: 'a password without a username',
    body: { ...link, password: 'geheim' },
    errors: [{ field: 'password', reason: 'not_supported' }],
  },
  {
    what: 'asterisks where no password is kept',
    body: { ...link, username: 'u', password: '******' },
    errors: [{ field: 'password', reason: 'nothing_kept' }],
  },
  { what: 'no object', body: [], errors: [{ field: '' }] },
])
  test(`what is wrong is told at once, field by field: ${what}`, async () => {
    const { ask, shared } = await nodes('n1')
    const refused = await ask('POST', '/cluster/links', body)
    has(refused, 400, { code: 'BAD_REQUEST', kind: 'validation_error' })
    const { message, errors: told } = refused.body as { message: string; errors: { field: string; message: string }[] }
    assert.deepEqual(told.map(({ field }) => field).toSorted(), errors.map(({ field }) => field).toSorted())
    for (const error of errors) {
      const found = told.find(({ field }) => field === error.field)!
      if ('message' in error) assert.ok(found.message.startsWith(error.message), found.message)
      if ('reason' in error) assertHolds(found, { reason: error.reason })
      assert.ok(message.includes(error.field), message)
    }
    assert.deepEqual(shared.links, [])
    const checked = await ask('POST', '/cluster/links/check', body)
    has(checked, 200, { ok: false })
    assert.deepEqual((checked.body as { errors: unknown }).errors, told)
  })

test('fields of a list are named with their place in it', async () => {
  const { ask } = await nodes('n1')
  has(await ask('PUT', '/cluster/links', [link, { ...link, name: 'x', pool_size: 0 }]), 400, {
    errors: [{ field: '[1].pool_size' }],
  })
  has(await ask('PUT', '/cluster/links', [{ ...link, pool_size: 0 }]), 400, { errors: [{ field: '[0].pool_size' }] })
  has(await ask('PUT', '/cluster/links', [link, link]), 400, { errors: [{ field: '[1].name' }] })
})

test('a check says what creating or replacing would say, and changes nothing', async () => {
  const { ask, shared } = await nodes('n1')
  has(await ask('POST', '/cluster/links/check', link), 200, { ok: true, errors: [] })
  assert.deepEqual(shared.links, [])
  await ask('POST', '/cluster/links', { ...link, username: 'u', password: 'geheim' })
  has(await ask('POST', '/cluster/links/check', link), 200, { ok: false, errors: [{ field: 'name' }] })
  const existing = '/cluster/links/check?existing=eu-west'
  has(await ask('POST', existing, { ...link, username: 'u', password: '******' }), 200, { ok: true })
  has(await ask('POST', existing, { ...link, name: 'other' }), 200, { ok: false, errors: [{ field: 'name' }] })
  has(await ask('POST', existing, { server: 'h:0', topics: [] }), 200, { ok: false, errors: [{ field: 'server' }] })
})

const KEY = '-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n'
const CERT = '-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n'

test('secrets never come out, and stay when what was shown comes back, with all that was shown beside it', async () => {
  const { ask, shared } = await nodes('n1')
  const ssl = { keyfile: KEY, certfile: CERT, cacertfile: 'ca.pem' }
  const made = await ask('POST', '/cluster/links', { ...link, username: 'u', password: 'geheim', ssl })
  has(made, 201, { password: '******', ssl: { keyfile: '******', certfile: CERT } })
  const kept = shared.links[0]
  assert.equal(kept?.password, 'geheim')
  for (const shown of [made.body, (await ask('GET', west)).body]) {
    assert.ok(!JSON.stringify(shown).includes('geheim') && !JSON.stringify(shown).includes('PRIVATE'))
    has(await ask('PUT', west, shown), 200, {})
    assert.deepEqual(shared.links, [kept])
  }
  has(await ask('PUT', '/cluster/links', (await ask('GET', '/cluster/links')).body), 200, [{}])
  assert.deepEqual(shared.links, [kept])
  has(await ask('PUT', west, { ...link, name: 'other', password: '******' }), 400, { errors: [{ field: 'name' }] })
  has(await ask('PUT', '/cluster/links', { ...link, name: 'other', password: '******' }), 400, {
    errors: [{ field: 'password' }],
  })
  await ask('PUT', west, { ...link, username: 'u', password: 'new' })
  assert.equal(shared.links[0]?.password, 'new')
  await ask('PUT', west, link)
  assert.ok(shared.links[0] !== undefined && !('password' in shared.links[0]), 'what is left out is gone')
})

test('a link is enabled and disabled', async () => {
  const { ask, shared } = await nodes('n1')
  await ask('POST', '/cluster/links', link)
  has(await ask('PUT', `${west}/enable`, { enable: false }), 200, { enable: false })
  has(await ask('PUT', '/cluster/links/link/eu-west/enable', { enable: true }), 200, { enable: true })
  has(await ask('PUT', `${west}/enable`, { enable: 'maybe' }), 400, { code: 'BAD_REQUEST' })
  assert.equal(shared.links[0]?.enable, true)
})

for (const { code, status, word } of [
  { code: 'COORDINATION_LOST', status: 503, word: 'SERVICE_UNAVAILABLE' },
  { code: 'COORDINATION_REFUSED', status: 503, word: 'SERVICE_UNAVAILABLE' },
  { code: 'DATA_DIR_UNUSABLE', status: 500, word: 'INTERNAL_ERROR' },
] as const)
  test(`a change that is not possible now says so: ${code} is ${status}`, async () => {
    const { ask, shared } = await nodes('n1')
    shared.failure = code
    has(await ask('POST', '/cluster/links', link), status, { code: word, message: 'in words' })
  })

test('every node is asked how the link is; one that is silent is named', async () => {
  const { nodes: all, silent, ask } = await nodes('n1', 'n2', 'n3')
  await ask('POST', '/cluster/links', link)
  all[1]!.node.own.set('eu-west', {
    ...running,
    speaker: 'n2',
    peer: { node: 'p1', version: 1 },
    peer_dialect: 'native',
  })
  has(await all[2]!.ask('GET', west), 200, {
    status: 'running',
    speaker: 'n2',
    peer: { node: 'p1', version: 1 },
    peer_dialect: 'native',
    node_status: [{ node: 'n3' }, { node: 'n1' }, { node: 'n2' }],
  })
  silent.add('n2')
  has(await ask('GET', west), 200, {
    status: 'inconsistent',
    emqx_status: 'inconsistent',
    reasons: ['n2: does not answer: no answer within 2000 ms'],
    node_status: [{ node: 'n1' }, { node: 'n2', error: 'no answer within 2000 ms' }, { node: 'n3' }],
  })
})

test('metrics are summed over the nodes that answer, and are what EMQX and its guide call them', async () => {
  const { nodes: all, silent, ask } = await nodes('n1', 'n2', 'n3')
  await ask('POST', '/cluster/links', link)
  for (const [index, { node }] of all.entries()) node.matched = 10 * (index + 1)
  silent.add('n3')
  const { status, body } = await ask('GET', `${west}/metrics`)
  assert.equal(status, 200)
  assertHolds(body, {
    metrics: {
      router: { routes: 8 },
      routers: { routes: 8 },
      forwarding: { matched: 32, success: 0, failed: 0, dropped: 2, retried: 0, queuing: 30, inflight: 0, rate: 3 },
      ledger: { matched: 32, queued: 30, dropped: { expired: 2 } },
      inbound: { received: 6, accepted: 4, duplicate: 2 },
      outbox: { messages: 30, oldest_ms: 5, max_messages: null, max_bytes: 200 },
      bytes: { out: 6, in: 8 },
      routes: { ours: 7, peers: 8 },
    },
    node_metrics: [
      { node: 'n1', metrics: { forwarding: { matched: 11 } } },
      { node: 'n2', metrics: { forwarding: { matched: 21 } } },
      { node: 'n3', error: 'no answer within 2000 ms' },
    ],
  })
})

test('counts begin anew on all nodes, or it is told where not', async () => {
  const { nodes: all, silent, ask } = await nodes('n1', 'n2')
  await ask('POST', '/cluster/links', link)
  for (const { node } of all) node.matched = 5
  assert.equal((await ask('PUT', `${west}/metrics/reset`)).status, 204)
  assert.deepEqual(
    all.map(({ node }) => node.matched),
    [0, 0],
  )
  silent.add('n2')
  has(await ask('PUT', '/cluster/links/link/eu-west/metrics/reset'), 500, { code: 'INTERNAL_ERROR', nodes: ['n2'] })
})

test('a name may be one that objects have of their own', async () => {
  const { nodes: all, ask } = await nodes('n1', 'n2')
  await ask('POST', '/cluster/links', { ...link, name: 'constructor' })
  all[1]!.node.status = () => undefined
  has(await ask('GET', '/cluster/links/constructor'), 200, { status: 'inconsistent' })
})

test('a name may be as long as a cluster’s', async () => {
  const { ask } = await nodes('n1')
  const name = 'x'.repeat(254)
  has(await ask('POST', '/cluster/links', { ...link, name }), 201, { name })
  has(await ask('GET', `/cluster/links/${name}`), 200, { name })
})
