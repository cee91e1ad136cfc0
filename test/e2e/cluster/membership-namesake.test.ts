/** Two processes of one name: one of them ends, and says why. */
import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { test } from 'node:test'
import { startRelay } from '../../../src/cli/demo/relay.ts'
import { startNats } from '../../cluster/nats-server.ts'
import { received, seesAll, startMembers, TestMember } from './members.ts'

const [ONE, TWO] = ['n1@127.0.0.1', 'n2@127.0.0.1']

test('a second process of a name refuses to start, ends with 1 and names the first, which nothing happens to', async (t) => {
  const nats = await startNats(t)
  const [one, two] = await startMembers(t, 2, { cluster: 'c', nats: [nats.url] })
  assert(one !== undefined && two !== undefined)
  const client = await two.connect(t)
  const arrived = received(client)
  await client.subscribeAsync('t', { qos: 1 })

  const second = TestMember.start(t, { cluster: 'c', nats: [nats.url], name: TWO })
  await assert.rejects(second, (error: Error) => {
    assert.match(error.message, /ended \(1\)/)
    assert.match(error.message, /NODE_NAME_TAKEN/)
    assert.ok(
      error.message.includes(`another process runs as ${TWO}: process ${two.process.pid} on ${hostname()}`),
      error.message,
    )
    return true
  })
  await seesAll(one, [ONE, TWO])
  assert.deepEqual(
    one.process.log.filter(({ msg }) => /^member_(?:left|lost|restarted)$/.test(msg)),
    [],
    'nobody noticed',
  )
  await client.publishAsync('t', 'still here', { qos: 1 })
  assert.deepEqual(arrived, ['still here'])
})

test('of two processes of one name that were started without NATS one ends when it comes, and names the other', async (t) => {
  const nats = await startNats(t)
  await nats.kill()
  const both = await Promise.all([1, 2].map(() => TestMember.start(t, { cluster: 'c', nats: [nats.url], name: TWO })))
  for (const { process } of both)
    await process.waitFor('that its name is unchecked', ({ msg }) => msg === 'node_name_unchecked')
  await nats.restart()
  const [ended, code] = await Promise.race(both.map(async (member) => [member, await member.process.gone] as const))
  assert.equal(code, 1)
  assertNames(
    ended,
    both.find((member) => member !== ended)!,
  )
  const [stays] = both.filter((member) => member !== ended)
  await seesAll(stays!, [TWO])
  await (await stays!.connect(t)).publishAsync('t', 'served', { qos: 1 })
})

test('a process that was started without NATS ends when it comes if another is a member under its name by then', async (t) => {
  const nats = await startNats(t)
  const relay = await startRelay()
  t.after(() => relay.close())
  // The older process: but it was no member yet.
  const late = await TestMember.start(t, { cluster: 'c', nats: [`nats://127.0.0.1:${relay.port}`], name: TWO })
  const [one, two] = await startMembers(t, 2, { cluster: 'c', nats: [nats.url] })
  assert(one !== undefined && two !== undefined)
  relay.pointAt(nats.port)
  assert.equal(await late.process.gone, 1)
  assertNames(late, two)
  await seesAll(one, [ONE, TWO])
})

/** Its last words name the other process. */
function assertNames(ended: TestMember, { process }: TestMember): void {
  const failed = ended.process.log.find(({ msg }) => msg === 'node_failed')
  const words = `another process runs as ${TWO}: process ${process.pid} on ${hostname()}`
  assert.ok(JSON.stringify(failed).includes(words), JSON.stringify(failed))
}
