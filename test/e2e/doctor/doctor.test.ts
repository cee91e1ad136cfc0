/** Each thing that keeps a link from working, done to it: the doctor names it, and says what to change and where. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { describe, test, type TestContext } from 'node:test'
import { connect } from 'node:net'
import { once } from 'node:events'
import { findMosquitto } from '../../../scripts/bench/peers.ts'
import { freePort } from '../../../src/cli/demo/free-ports.ts'
import { connectClient, subscribe } from '../clients.ts'
import {
  assertBroken,
  examine,
  examineUnsaved,
  linked,
  putLink,
  removeLink,
  type Side,
  startSide,
  stepOf,
  textOf,
  until,
} from './examined.ts'

/** Two clusters that are not linked. */
async function startSides(t: TestContext): Promise<{ a: Side; b: Side }> {
  const [a, b] = await Promise.all([startSide(t, 'cl-a'), startSide(t, 'cl-b')])
  return { a, b }
}

/** Both halves of the link, running. */
async function startLinked(t: TestContext, aWants: string[] = ['t/#'], bWants: string[] = ['t/#']) {
  const { a, b } = await startSides(t)
  await putLink(a, 'cl-b', { server: `127.0.0.1:${b.port}`, topics: aWants })
  await putLink(b, 'cl-a', { server: `127.0.0.1:${a.port}`, topics: bWants })
  await linked(a, b)
  return { a, b }
}

const inboundOf = (side: Side, link: string) =>
  side.node.status().links.find(({ name }) => name === link)?.planes?.inbound.state

const routesOf = (side: Side, link: string) => side.node.status().links.find(({ name }) => name === link)?.routes

test('a link that is well is well in every step, from both sides, and is not disturbed', async (t) => {
  const { a, b } = await startLinked(t)
  const before = [a.node.status(), b.node.status()]
  const reports = await Promise.all([examine(a, 'cl-b'), examine(b, 'cl-a')])
  for (const report of reports) {
    assert.equal(report.ok, true, textOf(report))
    assert.deepEqual(
      report.steps.filter(({ status }) => status !== 'ok').map(({ step }) => step),
      // Neither uses TLS.
      ['tls'],
      textOf(report),
    )
  }
  assert.match(stepOf(reports[0], 'cluster_names').detail, /calls itself cl-b.*knows us as cl-a/)
  assert.match(stepOf(reports[0], 'probe').detail, /there and back in/)
  const after = [a.node.status(), b.node.status()]
  for (const [at, { links }] of after.entries())
    assert.deepEqual(
      links.map(({ state, reasons, inbound, ledger, planes }) => ({ state, reasons, inbound, ledger, planes })),
      before[at]?.links.map(({ state, reasons, inbound, ledger, planes }) => ({
        state,
        reasons,
        inbound,
        ledger,
        planes,
      })),
    )
})

describe('what keeps a link from working', () => {
  test('on the way to the peer, and on this side', async (t) => {
    const { a, b } = await startSides(t)
    const closed = await freePort()
    const server = `127.0.0.1:${b.port}`
    await putLink(a, 'far-1', { server: 'no-such-host.invalid:1883', topics: [] })
    assertBroken(await examine(a, 'far-1'), 'names', /no-such-host\.invalid/, /server of the link on this side/)
    await putLink(a, 'far-1', { server: `127.0.0.1:${closed}`, topics: [] })
    assertBroken(await examine(a, 'far-1'), 'tcp', /nobody listens there/, /start the peer|listeners\.tcp/)
    await putLink(a, 'far-1', { server, topics: [], ssl: { enable: true } })
    assertBroken(await examine(a, 'far-1'), 'tls', /does not answer as one who speaks TLS/, /ssl\.enable = false/)
    await putLink(a, 'far-1', { server, topics: [], enable: false })
    assertBroken(await examine(a, 'far-1'), 'enabled', /disabled on this side/, /enable = true of the link far-1/)
    // One of several servers is enough, and what is wrong with the other one is told.
    await putLink(a, 'cl-b', { server: `127.0.0.1:${closed},${server}`, topics: [] })
    await putLink(b, 'cl-a', { server: `127.0.0.1:${a.port}`, topics: [] })
    await linked(a, b)
    const report = await examine(a, 'cl-b')
    assert.equal(report.ok, true, textOf(report))
    assert.equal(stepOf(report, 'tcp').status, 'warning')
    assert.equal((await a.ask('/cluster/links/no-link/doctor', { method: 'POST', body: {} })).status, 404)
  })

  test('between the two: who is called how, and who has disabled what', async (t) => {
    const { a, b } = await startSides(t)
    const server = `127.0.0.1:${b.port}`
    // The peer has another name than the link.
    await putLink(a, 'cl-x', { server, topics: [] })
    assertBroken(await examine(a, 'cl-x'), 'cluster_names', /not called cl-x, it is called cl-b/, /set name .* to cl-b/)
    await removeLink(a, 'cl-x')
    // The peer has no link to us.
    await putLink(a, 'cl-b', { server, topics: [] })
    assertBroken(await examine(a, 'cl-b'), 'handshake', /\(cl-b\) has no link called cl-a/, /add a link to the peer/)
    // It has one under another name.
    await putLink(b, 'cl-z', { server: `127.0.0.1:${a.port}`, topics: [] })
    await until(() => inboundOf(a, 'cl-b') === 'refused', 'the peer has come under another name')
    assertBroken(
      await examine(a, 'cl-b'),
      'handshake',
      /calls us cl-z, and this is cl-a/,
      /name of the peer’s link to cl-a/,
    )
    await removeLink(b, 'cl-z')
    // It has disabled it.
    await putLink(b, 'cl-a', { server: `127.0.0.1:${a.port}`, topics: [], enable: false })
    await until(() => /disabled/.test(JSON.stringify(a.node.status().links[0]?.reasons)), 'the peer says why')
    assertBroken(
      await examine(a, 'cl-b'),
      'handshake',
      /has disabled its link/,
      /enable = true of the link cl-a at the peer/,
    )
    // What was wrong is mended there, and nobody has told us.
    await putLink(b, 'cl-a', { server: `127.0.0.1:${await freePort()}`, topics: [] })
    assertBroken(
      await examine(a, 'cl-b'),
      'handshake',
      /rejected us when we came last.*would take us now/,
      /disable and enable/,
    )
  })

  test('a peer that does not find us', async (t) => {
    const { a, b } = await startSides(t)
    await putLink(b, 'cl-a', { server: `127.0.0.1:${await freePort()}`, topics: [] })
    await putLink(a, 'cl-b', { server: `127.0.0.1:${b.port}`, topics: [] })
    assertBroken(
      await examine(a, 'cl-b'),
      'handshake_back',
      /has not come to us yet.*nobody listens there/,
      /server.*of the peer’s link cl-a/,
    )
  })

  test('a peer that is no linking broker', { skip: findMosquitto() === undefined }, async (t) => {
    const port = await startMosquitto(t)
    const { a } = await startSides(t)
    await putLink(a, 'cl-b', { server: `127.0.0.1:${port}`, topics: ['t/#'] })
    assertBroken(
      await examine(a, 'cl-b'),
      'handshake',
      /has not answered|answers no handshake/,
      /other brokers know nothing of links/,
    )
  })

  test('forwarding is paused, here or there', async (t) => {
    const { a, b } = await startLinked(t)
    assert.equal((await a.ask('/cluster/links/cl-b/pause', { method: 'POST' })).status, 200)
    assertBroken(await examine(a, 'cl-b'), 'pause', /paused by local since/, /isthmus links resume cl-b/)
    const there = stepOf(await examine(b, 'cl-a'), 'pause')
    assert.equal(there.status, 'warning')
    assert.match(there.detail, /the peer has paused/)
    await subscribe(await connectClient(t, b.port), 't/1')
    await until(() => routesOf(a, 'cl-b')?.peers === 1, 'the route is told')
    const report = await examine(b, 'cl-a', 't/1')
    assert.match(stepOf(report, 'topic_back').detail, /has paused what it sends to us/)
    assert.equal((await a.ask('/cluster/links/cl-b/resume', { method: 'POST' })).status, 200)
    assert.equal((await examine(a, 'cl-b')).ok, true)
  })
})

test('whether a topic would cross, and what stops it', async (t) => {
  const { a, b } = await startLinked(t, ['t/#', 'back/#'], ['t/#', 'out/#'])
  const [atA, atB] = await Promise.all([connectClient(t, a.port), connectClient(t, b.port)])
  // Neither wants it.
  const neither = await examine(a, 'cl-b', 'x/1')
  assertBroken(
    neither,
    'topic_out',
    /none of topics of its link cl-a holds it \(t\/#, out\/#\)/,
    /add x\/1.* at the peer/,
  )
  assert.match(stepOf(neither, 'topic_back').detail, /none of topics of the link holds it \(t\/#, back\/#\)/)
  assert.match(stepOf(neither, 'topic_back').remedy ?? '', /topics of the link cl-b on this side/)
  assert.equal(stepOf(neither, 'probe').status, 'skipped')
  // Nobody has subscribed.
  const nobody = await examine(a, 'cl-b', 't/1')
  assertBroken(nobody, 'topic_out', /nobody at the peer has subscribed to t\/1/, /subscribe to it at the peer/)
  assert.match(stepOf(nobody, 'topic_back').detail, /nobody here has subscribed/)
  // One way.
  await subscribe(atB, 'out/+')
  await until(() => routesOf(a, 'cl-b')?.peers === 1, 'the route is told')
  const out = await examine(a, 'cl-b', 'out/1')
  assert.equal(out.ok, true, textOf(out))
  assert.match(stepOf(out, 'topic_out').detail, /route out\/\+/)
  assert.equal(stepOf(out, 'topic_back').status, 'warning')
  const back = await examine(b, 'cl-a', 'out/1')
  assert.equal(back.ok, true, textOf(back))
  assert.match(stepOf(back, 'topic_back').detail, /subscriber of out\/\+.*by the route out\/\+/)
  // Both ways.
  await Promise.all([subscribe(atA, 't/#'), subscribe(atB, 't/1')])
  await until(() => routesOf(a, 'cl-b')?.peers === 2 && routesOf(b, 'cl-a')?.peers === 1, 'the routes are told')
  const both = await examine(a, 'cl-b', 't/1')
  assert.deepEqual([stepOf(both, 'topic_out').status, stepOf(both, 'topic_back').status], ['ok', 'ok'], textOf(both))
  // What comes over another link goes no further.
  await putLink(a, 'cl-c', { server: `127.0.0.1:${await freePort()}`, topics: ['t/#'] })
  const origin = stepOf(await examine(a, 'cl-b', 't/1'), 'topic_out')
  assert.equal(origin.status, 'warning')
  assert.match(origin.detail, /over the link cl-c does not/)
  assert.match(origin.remedy ?? '', /published at cl-c/)
  for (const never of ['$SYS/x', 't/+']) assert.equal((await examine(a, 'cl-b', never)).ok, false)
})

test('a link that is not saved is tried as far as that goes', async (t) => {
  const { a, b } = await startSides(t)
  const link = { name: 'cl-b', server: `127.0.0.1:${b.port}`, topics: ['t/#'] }
  const early = await examineUnsaved(a, link)
  assert.equal(early.ok, true, textOf(early))
  assert.equal(stepOf(early, 'handshake').status, 'warning')
  assert.match(stepOf(early, 'handshake').detail, /has no link called cl-a yet/)
  await putLink(b, 'cl-a', { server: `127.0.0.1:${a.port}`, topics: [], enable: false })
  assert.match(stepOf(await examineUnsaved(a, link), 'handshake').detail, /disabled/)
  await putLink(b, 'cl-a', { server: `127.0.0.1:${a.port}`, topics: [] })
  const report = await examineUnsaved(a, link)
  assert.deepEqual(
    report.steps.filter(({ status }) => status !== 'ok').map(({ step }) => step),
    ['tls'],
    textOf(report),
  )
  assertBroken(await examineUnsaved(a, { ...link, name: 'cl-y' }), 'cluster_names', /it is called cl-b/, /set name/)
  const { status, body } = await a.ask<{ message: string }>('/cluster/links/doctor', {
    method: 'POST',
    body: { ...link, topics: ['t/#/x'] },
  })
  assert.equal(status, 400)
  assert.match(body.message, /topics/)
  // Nobody is left at the peer but its own link's connection to us.
  await until(() => b.node.status().connections === 0, 'the doctor is gone')
})

/** Ended with the test. */
async function startMosquitto(t: TestContext): Promise<number> {
  const port = await freePort()
  const program = spawn(findMosquitto()?.path ?? '', ['-p', String(port)], { stdio: 'ignore' })
  const gone = once(program, 'close')
  t.after(async () => {
    program.kill()
    await gone
  })
  for (let tries = 0; tries < 500; tries += 1) {
    const socket = connect(port, '127.0.0.1')
    const isOpen = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (isOpen) return port
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('mosquitto does not listen')
}
