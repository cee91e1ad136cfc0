import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DebugPort } from '../../src/debug/debug-port.ts'
import { callMethod, methodNames } from '../../src/debug/methods.ts'
import { debugPort, linkRow } from './debug-fixture.ts'

const call = (method: string, params: object = {}, changes: Partial<DebugPort> = {}) =>
  callMethod(debugPort(changes), method, params, { watch: () => {} })

const alone = 'this node is not part of a cluster over NATS'
const member = { node: 'a1@h', boot: 'b', state: 'up', isSelf: true, sinceMs: 1, silentMs: 0, slot: 1, version: '1' }
const cluster = { members: () => [member], leases: () => [], lanes: () => [] }
const done: string[] = []
const fault = (what: string) => (of: string, ms?: number) => {
  if (of === 'none') return `there is no ${of}`
  done.push([what, of, ms].filter((word) => word !== undefined).join(' '))
  return undefined
}
const faults = {
  killActor: fault('kill'),
  cut: fault('cut'),
  cutCoordination: (ms: number) => void done.push(`cut coordination ${ms}`),
  pause: fault('pause'),
  delay: fault('delay'),
}

test('actors: the list, one of them, and its history', async () => {
  const lamp = { id: 'eu/lamp', parent: 'eu', state: 'off', sinceMs: 2_000, restarts: 0 }
  const eu = { id: 'eu', parent: undefined, state: 'off', sinceMs: 1_000, restarts: 0 }
  assert.deepEqual(await call('actors.list'), { actors: [eu, lamp] })
  assert.deepEqual(await call('actors.get', { actor: 'eu/lamp' }), lamp)
  assert.deepEqual(await call('actors.history', { actor: 'eu/lamp' }), {
    actor: 'eu/lamp',
    transitions: [{ atMs: 2_000, event: 'xstate.init', from: '', to: 'off' }],
  })
})

test('links and their ledgers', async () => {
  assert.deepEqual(await call('links.list'), { links: [linkRow()] })
  const { ledger } = linkRow()
  assert.deepEqual(await call('ledger.get', { link: 'eu' }), { link: 'eu', ledger, inbound: null })
})

test('one link, and its accounts begun anew', async () => {
  const rows = [linkRow({ name: 'us' }), linkRow()]
  const reset: string[] = []
  const links = {
    links: () => rows,
    resetLedger: (link: string) => {
      reset.push(link)
      return link === 'eu'
    },
  }
  assert.deepEqual(await call('links.list', { link: 'eu' }, { links }), { links: [linkRow()] })
  assert.deepEqual(await call('ledger.reset', { link: 'eu' }, { links }), { done: true })
  await assert.rejects(call('ledger.reset', { link: 'asia' }, { links }), /no link asia/)
  assert.deepEqual(reset, ['eu', 'asia'])
})

test('a node alone has no members, leases and lanes, and says why', async () => {
  assert.deepEqual(await call('members.list'), { members: [], note: alone })
  assert.deepEqual(await call('leases.list'), { leases: [], note: alone })
  assert.deepEqual(await call('lanes.list'), { lanes: [], note: alone })
  assert.deepEqual(await call('members.list', {}, { cluster }), { members: [member] })
})

test('the level of the log is told and set', async () => {
  const log = { level: 'info' }
  assert.deepEqual(await call('log.level', {}, { log }), { level: 'info' })
  assert.deepEqual(await call('log.level', { level: 'trace' }, { log }), { level: 'trace' })
  assert.equal(log.level, 'trace')
})

test('routes: pages have a beginning and a size, if nothing is said', async () => {
  const asked: object[] = []
  const routes: DebugPort['routes'] = {
    match: async (topic, limit) => ({ topic, total: limit, destinations: [], others: [], notes: [] }),
    list: async (query) => {
      asked.push(query)
      return { routes: [], cursor: null, total: 0 }
    },
  }
  await call('routes.list', {}, { routes })
  await call('routes.list', { cursor: 8, limit: 1, text: 'a' }, { routes })
  assert.deepEqual(asked, [
    { cursor: 0, limit: 100, text: undefined },
    { cursor: 8, limit: 1, text: 'a' },
  ])
  assert.deepEqual(await call('routes.match', { topic: 't' }, { routes }), {
    topic: 't',
    total: 100,
    destinations: [],
    others: [],
    notes: [],
  })
})

test('faults are done where they are allowed', async () => {
  await call('fault.kill_actor', { actor: 'eu' }, { faults })
  await call('fault.cut', { link: 'eu' }, { faults })
  await call('fault.pause', { link: 'eu', ms: 5 }, { faults })
  assert.deepEqual(await call('fault.delay', { link: 'eu', ms: 7 }, { faults }), { done: true })
  await call('fault.cut_coordination', { ms: 9 }, { faults })
  assert.deepEqual(done, ['kill eu', 'cut eu', 'pause eu 5', 'delay eu 7', 'cut coordination 9'])
})

for (const { method, params, changes, code, says } of [
  { method: 'actors.lits', code: -32_601, says: /no method "actors.lits"; did you mean actors.list\?/ },
  { method: 'toString', code: -32_601, says: /no method/ },
  { method: 'actors.list', params: { actr: 'eu' }, code: -32_602, says: /actr/ },
  { method: 'actors.get', code: -32_602, says: /^actor: / },
  { method: 'actors.get', params: { actor: 'e' }, code: -32_001, says: /no actor e/ },
  { method: 'actors.history', params: { actor: 'e' }, code: -32_001, says: /no actor e/ },
  { method: 'actors.watch', params: { actor: 'e' }, code: -32_001, says: /no actor e/ },
  { method: 'ledger.get', params: { link: 'e' }, code: -32_001, says: /no link e/ },
  { method: 'links.list', params: { link: 'e' }, code: -32_001, says: /no link e/ },
  { method: 'routes.list', params: { limit: 1_001 }, code: -32_602, says: /limit/ },
  { method: 'routes.list', params: { cursor: -1 }, code: -32_602, says: /cursor/ },
  { method: 'routes.match', params: { topic: 'a/#' }, code: -32_602, says: /"a\/#" is no topic/ },
  { method: 'log.level', params: { level: 'loud' }, code: -32_602, says: /level: .*trace/ },
  { method: 'log.level', changes: { log: undefined }, code: -32_002, says: /no level/ },
  { method: 'fault.cut', params: { link: 'eu' }, code: -32_002, says: /debug\.faults = true/ },
  { method: 'fault.cut', params: { link: 'none' }, changes: { faults }, code: -32_002, says: /there is no none/ },
  { method: 'fault.pause', params: { link: 'eu', ms: -1 }, changes: { faults }, code: -32_602, says: /ms/ },
] as const) {
  const words = [method, JSON.stringify(params ?? {}), Object.keys(changes ?? {}).join(' ')].join(' ')
  test(`${words} is refused with ${code}`, async () => {
    await assert.rejects(call(method, params, changes), { name: 'RpcError', code, message: says })
  })
}

test('every method of DESIGN is there', () => {
  const named = 'actors.list actors.get actors.history actors.watch routes.match routes.list lanes.list leases.list'
  for (const name of `${named} members.list ledger.get log.level`.split(' '))
    assert.ok(methodNames.includes(name), name)
})
