/** The command against a real socket of this process, as on a terminal and as in a script. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { inspect } from '../../../src/cli/inspect.ts'
import type { InspectPlace, InspectQuery } from '../../../src/cli/inspect/inspect-query.ts'
import type { DebugPort, RouteRow } from '../../../src/debug/debug-port.ts'
import { DebugSocket } from '../../../src/debug/debug-socket.ts'
import { debugPort, lamps, linkRow, openDebugSocket, socketPath } from '../../debug/debug-fixture.ts'

async function run(place: InspectPlace | string, query: InspectQuery, how: { isTTY?: boolean; json?: boolean } = {}) {
  const { isTTY = true, json = false } = how
  const said = { out: '', complaints: '' }
  const code = await inspect(
    { place: typeof place === 'string' ? { type: 'socket', path: place } : place, json, query },
    { isTTY, write: (text) => (said.out += text) },
    { write: (text) => (said.complaints += text) },
  )
  return { code, ...said }
}

async function shown(t: TestContext, query: InspectQuery, changes: Partial<DebugPort> = {}): Promise<string> {
  const { code, out, complaints } = await run(await openDebugSocket(t, debugPort(changes)), query)
  assert.equal(code, 0, complaints)
  return out
}

test('actors are a tree on a terminal, and JSON elsewhere or when asked for', async (t) => {
  const path = await openDebugSocket(t)
  const { out } = await run(path, { type: 'actors' })
  assert.match(out, /^ACTOR +STATE +FOR +RESTARTS\neu +off .* 0\n└─ eu\/lamp +off .* 0\n$/)
  for (const how of [{ isTTY: false }, { json: true }]) {
    const answer: unknown = JSON.parse((await run(path, { type: 'actors' }, how)).out)
    assert.match(JSON.stringify(answer), /^\{"actors":\[\{"id":"eu",.*\{"id":"eu\/lamp","parent":"eu","state":"off"/)
  }
})

test('the tree has branches in order, and those whose parent is gone at its root', async (t) => {
  const names = ['p', 'p/10', 'p/9', 'p/9/x', 'lost/child']
  const rows = names.map((id) => {
    const parent = id.includes('/') ? id.slice(0, id.lastIndexOf('/')) : undefined
    return { id, parent, state: 's', sinceMs: 0, restarts: 0 }
  })
  const { history } = lamps()
  const actors = {
    actors: () => rows,
    actor: () => undefined,
    of: () => [],
    onTransition: (listener: Parameters<typeof history.onTransition>[0]) => history.onTransition(listener),
  }
  const out = await shown(t, { type: 'actors' }, { actors })
  const tree = out.split('\n').map((line) => line.split('  s ')[0]!.trimEnd())
  assert.deepEqual(tree.slice(1, -1), ['lost/child', 'p', '├─ p/9', '│  └─ p/9/x', '└─ p/10'])
})

test('history, links, ledger and log level', async (t) => {
  assert.match(
    await shown(t, { type: 'history', actor: 'eu' }),
    /^TIME .*\n1970-01-01T00:00:01.000Z  xstate.init +off\n$/,
  )
  const backlog = { messages: 1_200, bytes: 90_000, perSecond: 400, secondsLeft: 3 }
  const row = linkRow({ state: 'degraded', reasons: ['the outbox is nearly full'], dialect: 'native', backlog })
  const links = { links: () => [row], resetLedger: () => true }
  const table = await shown(t, { type: 'links', link: undefined }, { links })
  assert.match(table, /\neu +degraded +native +1 +2 +2 +1\n\neu: the outbox is nearly full\n/)
  assert.match(table, /\neu: a backlog of 1200 messages, 400 a second, 3 s left\n$/)
  assert.match(
    await shown(t, { type: 'ledger', link: 'eu' }),
    /matched +3\n[\s\S]*what the peer sends: nothing is known\n$/,
  )
  const log = { level: 'info' }
  assert.equal(await shown(t, { type: 'log_level', level: undefined }, { log }), 'info\n')
  assert.equal(await shown(t, { type: 'log_level', level: 'debug' }, { log }), 'debug\n')
  assert.equal(log.level, 'debug')
})

test('all that there is to know of one link', async (t) => {
  const row = linkRow({
    reasons: ['heartbeats of the peer are late'],
    dialect: 'native',
    peerDialect: 'emqx',
    peer: { node: 'b1@h', version: 1, features: ['deflate'] },
    progress: { told: 5, total: 9 },
    outbox: { messages: 3, bytes: 2_048, fill: 0.257 },
    backlog: { messages: 2, bytes: 90, perSecond: 0 },
    retained: { routes: 0, topics: 4, told: 7 },
    compression: { bytesBefore: 3_145_728, bytesAfter: 500, batches: 6, tries: 8 },
  })
  const links = { links: () => [linkRow({ name: 'us' }), row], resetLedger: () => true }
  const lines = (await shown(t, { type: 'links', link: 'eu' }, { links })).split('\n')
  assert.deepEqual(lines.slice(0, 10), [
    'eu: running',
    '  heartbeats of the peer are late',
    '  dialect     we speak native, the peer emqx',
    '  peer        b1@h, version 1 of the native dialect, with deflate',
    '  routes      1 of ours, 2 of the peer; 5 of 9 told so far',
    '  outbox      3 messages, 2.0 KB, 25 % full',
    '  backlog     2 messages, 0 a second',
    '  retained    7 messages told, 4 topics and 0 routes left',
    '  compression 3.0 MB went as 500 B, 6 batches compressed of 8 tried',
    '',
  ])
  assert.match(lines.slice(10).join('\n'), /^what we send[\s\S]*matched +3\n/)
  const bare = await shown(t, { type: 'links', link: 'us' }, { links })
  assert.match(
    bare,
    /^us: running\n {2}dialect +no connection to the peer, the peer has no connection to this node\n {2}routes/,
  )
})

test('the accounts of a link begin anew when that is asked for', async (t) => {
  const reset: string[] = []
  const links = { links: () => [linkRow()], resetLedger: (link: string) => reset.push(link) > 0 }
  assert.match(await shown(t, { type: 'ledger_reset', link: 'eu' }, { links }), /^both accounts begin anew/)
  assert.deepEqual(reset, ['eu'])
})

test('members, leases and lanes of a cluster, and the note of a node alone', async (t) => {
  const sinceMs = Date.now() - 61_000
  const cluster: DebugPort['cluster'] = {
    members: () => [
      { node: 'a1@h', boot: 'b1', state: 'up', isSelf: true, sinceMs, silentMs: 0, slot: 3, version: '0.1.0' },
    ],
    leases: () => [
      {
        name: 'route:eu',
        state: 'follower',
        holder: 'a2@h',
        incarnation: 9,
        sinceMs,
        reason: 'held by a2@h',
        renewedMsAgo: 700,
      },
    ],
    lanes: () => [
      {
        to: 'a2@h',
        epoch: 1,
        sent: 8,
        acknowledged: 7,
        waitingMessages: 40,
        waitingBytes: 2_000,
        oldestMs: 3_000,
        resent: 1,
        isHeld: true,
        dropped: { queue_full: 2, expired: 0 },
      },
    ],
  }
  assert.match(
    await shown(t, { type: 'members' }, { cluster }),
    /\na1@h \(this one\)  up +1 min +0 ms +3  0\.1\.0 +b1\n$/,
  )
  assert.match(
    await shown(t, { type: 'leases' }, { cluster }),
    /\nroute:eu  a2@h +follower +1 min +9 +700 ms ago  held by a2@h\n$/,
  )
  assert.match(await shown(t, { type: 'lanes' }, { cluster }), /\na2@h  held +1 +8 +7 +40 +2000 +3 s  queue_full 2\n$/)
  assert.equal(await shown(t, { type: 'members' }), 'this node is not part of a cluster over NATS\n')
})

test('a match names destinations with the reason, who does not get it, and how many more there are', async (t) => {
  const routes: DebugPort['routes'] = {
    match: async (topic) => ({
      topic,
      total: 7,
      destinations: [
        {
          type: 'session',
          clientId: 'c\u001b1',
          subscription: 'a/+',
          qos: 1,
          noLocal: false,
          connected: true,
          topicFilter: 'a/+',
          because: 'subscribed to a/+',
        },
        { type: 'member', node: 'a2@h', topicFilter: 'a/#', because: 'clients of that node want a/#' },
      ],
      others: [{ type: 'link', link: 'us', because: 'the peer wants nothing' }],
      notes: ['a note'],
    }),
    list: async () => ({ routes: [], cursor: null, total: 0 }),
  }
  const out = await shown(t, { type: 'routes_match', topic: 'a/b', limit: 2 }, { routes })
  assert.match(
    out,
    /\nclient c\\u\{1b\}1  a\/\+ +1  subscribed to a\/\+\nnode a2@h +a\/# +clients of that node want a\/#\n/,
  )
  assert.match(out, /\n\.\.\. and 5 more; --limit shows them\nnot to link us: the peer wants nothing\na note\n$/)
})

const routeRow = (i: number): RouteRow => ({
  topicFilter: `f${i}`,
  total: 1,
  destinations: [{ type: 'link', link: 'eu' }],
})

test('a list of routes goes on over empty pages, and ends at its limit', async (t) => {
  const asked: number[] = []
  const routes: DebugPort['routes'] = {
    match: async () => undefined,
    list: async ({ cursor, limit }) => {
      asked.push(limit)
      return { routes: cursor === 1 ? [] : [routeRow(cursor), routeRow(cursor + 1)], cursor: cursor + 1, total: 99 }
    },
  }
  const out = await shown(t, { type: 'routes_list', text: 'f', limit: 4 }, { routes })
  assert.deepEqual(asked, [4, 2, 2])
  assert.match(out, /\nf0 +1  link eu\nf1 .*\nf2 .*\nf3 .*\n\.\.\. and more: .*\n99 filters in all\n$/)
})

test('who watches sees transitions until the node ends, which is a failure', async (t) => {
  for (const isTTY of [true, false]) {
    const { history, lamp } = lamps()
    const path = socketPath(t)
    const socket = new DebugSocket(path, debugPort({ actors: history }))
    await socket.open()
    const said = { out: '', complaints: '' }
    const seen = new EventTarget()
    const watching = once(seen, 'watching')
    const onTransition = history.onTransition.bind(history)
    history.onTransition = (listener) => {
      seen.dispatchEvent(new Event('watching'))
      return onTransition(listener)
    }
    const ended = inspect(
      { place: { type: 'socket', path }, json: false, query: { type: 'watch', actor: undefined } },
      {
        isTTY,
        write: (text) => {
          said.out += text
          // What was seen is what was waited for.
          void socket.close()
        },
      },
      { write: (text) => (said.complaints += text) },
    )
    await watching
    lamp.send({ type: 'press', failure: { reason: 'dark' } })
    assert.equal(await ended, 1)
    const json =
      /^\{"type":"transition","actor":"eu\/lamp","atMs":3000,"event":"press","from":"off","to":"on","reason":"dark"\}\n$/
    assert.match(said.out, isTTY ? /^1970-\S+ {2}eu\/lamp {2}off -> on {2}\(press: dark\)\n$/ : json)
    assert.match(said.complaints, /the node has ended/)
  }
})

/** Its exit code and what it complained about. */
const failing = async (place: InspectPlace, query: InspectQuery = { type: 'actors' }) => {
  const { code, out, complaints } = await run(place, query)
  assert.equal(out, '')
  return `${code} ${complaints}`
}

test('failures say what to do, with exit codes of their own', async (t) => {
  const path = socketPath(t)
  const directory = dirname(path)
  const file = join(directory, 'a.conf')
  const none = /^1 isthmus inspect: .*debug\.sock: there is no such socket: does the node run/
  assert.match(await failing({ type: 'socket', path }), none)
  assert.match(await failing({ type: 'data_dir', directory }), none)

  writeFileSync(file, `node.data_dir = "data/a1"`)
  const unset = /^2 .*debug\.socket is not set in \S+a\.conf: add\n\n {2}debug\.socket = "data\/a1\/debug\.sock"\n/
  assert.match(await failing({ type: 'config', file }), unset)
  writeFileSync(file, `debug.socket = ${JSON.stringify(path)}`)
  assert.match(await failing({ type: 'config', file }), none)
  writeFileSync(file, 'nod = 1')
  assert.match(await failing({ type: 'config', file }), /^2 .*unknown key; did you mean "node"/)
  assert.match(await failing({ type: 'socket', path: file }), /^1 .*(no socket|nobody answers)/)

  const open = await openDebugSocket(t)
  assert.match(await failing({ type: 'socket', path: open }, { type: 'ledger', link: 'x' }), /^1 .*has no link x\n$/)
})

test('what is no debug socket is told apart', async (t) => {
  const path = socketPath(t)
  const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\n')).listen(path)
  await once(server, 'listening')
  t.after(() => server.close())
  const { code, complaints } = await run(path, { type: 'actors' })
  assert.equal(code, 1)
  assert.match(complaints, /this is no debug socket/)
})
