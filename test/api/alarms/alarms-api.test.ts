import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AlarmFact, alarmsApi } from '../../../src/api/alarms/alarms-api.ts'
import { createApiServer } from '../../../src/api/api-server.ts'
import { MemberCalls } from '../../../src/api/member-calls.ts'

const silent = { warn: () => {}, error: () => {} }
const noon = Date.UTC(2026, 0, 1, 12)

function alarm(name: string, activatedAtMs: number, deactivatedAtMs?: number): AlarmFact {
  return {
    kind: 'link_down',
    name,
    link: 'west',
    reason: 'nobody listens there',
    message: 'resource down: nobody listens there',
    activatedAtMs,
    deactivatedAtMs,
    durationMs: 1_000,
    details: { resource_id: name, reason: 'resource_down' },
  }
}

/** Two nodes that answer and one that does not; asked at the first. */
async function threeNodes() {
  const serves = new Map<string, (body: unknown) => Promise<unknown>>()
  const cleared: string[] = []
  const partOf = (node: string, active: AlarmFact[], past: AlarmFact[]) => {
    const calls = new MemberCalls({
      self: node,
      others: () => ['n1@h', 'n2@h', 'n3@h'].filter((other) => other !== node),
      ask: async (other, _kind, body) => {
        const serve = serves.get(other)
        if (serve === undefined) throw new Error(`${other} is silent`)
        return serve(body)
      },
      serve: (_kind, answer) => void serves.set(node, answer),
    })
    return alarmsApi(calls, { active: () => active, past: () => past, forgetPast: () => void cleared.push(node) })
  }
  const part = partOf('n1@h', [alarm('a', noon)], [alarm('b', noon, noon + 1_000)])
  partOf('n2@h', [alarm('c', noon + 5_000)], [])
  const app = await createApiServer({ parts: [part], roots: [], log: silent })
  const get = async (query: string): Promise<List> => (await app.inject(`/api/v5/alarms${query}`)).json<List>()
  return { app, get, cleared }
}

type List = { readonly data: readonly Readonly<Record<string, unknown>>[]; readonly meta: unknown }

test('alarms of all nodes are listed, the latest first, and who is silent is named', async () => {
  const { get } = await threeNodes()
  const { data, meta } = await get('')
  assert.deepEqual(
    data.map(({ name, node }) => [name, node]),
    [
      ['c', 'n2@h'],
      ['a', 'n1@h'],
    ],
  )
  assert.deepEqual(data[1], {
    name: 'a',
    kind: 'link_down',
    node: 'n1@h',
    link: 'west',
    reason: 'nobody listens there',
    message: 'resource down: nobody listens there',
    activated: true,
    activated_at: '2026-01-01T12:00:00.000Z',
    duration_ms: 1_000,
    activate_at: '2026-01-01T12:00:00.000Z',
    duration: 1_000,
    details: { resource_id: 'a', reason: 'resource_down' },
  })
  const silentNodes = [{ node: 'n3@h', reason: 'n3@h is silent' }]
  assert.deepEqual(meta, { page: 1, limit: 100, count: 2, hasnext: false, silent: silentNodes })
})

test('those that are over are listed when they are asked for, in pages', async () => {
  const { get, app } = await threeNodes()
  const { data } = await get('?activated=false')
  assert.deepEqual(
    data.map(({ name, activated, deactivated_at }) => [name, activated, deactivated_at]),
    [['b', false, '2026-01-01T12:00:01.000Z']],
  )
  assert.deepEqual(
    (await get('?limit=1&page=2')).data.map(({ name }) => name),
    ['a'],
  )
  assert.equal((await app.inject('/api/v5/alarms?activated=perhaps')).statusCode, 400)
})

test('those that are over are forgotten on all nodes', async () => {
  const { app, cleared } = await threeNodes()
  assert.equal((await app.inject({ method: 'DELETE', url: '/api/v5/alarms' })).statusCode, 204)
  assert.deepEqual(cleared.toSorted(), ['n1@h', 'n2@h'])
})
