import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import type { LinkFile, LogEvent, NodeFile } from '../../../src/cli/demo/node-process.ts'
import { startNats } from '../../cluster/nats-server.ts'
import { connectClient } from '../clients.ts'
import { linkTo, reserve, startCluster } from '../clusters.ts'
import { linkRuns, startLinked, wantedOn } from './linked.ts'
import { eventually, received, type TestMember } from './members.ts'

const MAIN = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))

test('links are the same on every member, whichever one they were changed on', async (t) => {
  const nats = await startNats(t)
  const [east, west] = await startLinked(t, nats, [
    { cluster: 'east', size: 3, topics: ['t/#'] },
    { cluster: 'west', size: 1, topics: [] },
  ])
  const [first, second, third] = east as [TestMember, TestMember, TestMember]
  const toWest = first.file.cluster.links[0]!
  const south = await reserve('south')
  const toSouth = linkTo(south, [])
  const toEast = { ...linkTo({ name: 'east', port: first.port }, ['s/#']) }
  const southern = await startCluster(t, south, [toEast])

  await t.test('one that is created in the file of a member runs on all', async (t) => {
    await edit(first, [toWest, toSouth])
    await linkRuns(east, 'south')
    await southern.waitForStatus('east', 'running')
    const client = await connectClient(t, southern.mqttPort)
    const arrived = received(client)
    await client.subscribeAsync('s/x', { qos: 1 })
    await wantedOn(east, 's/x', 'south')
    for (const member of east) await (await member.connect(t)).publishAsync('s/x', member.name, { qos: 1 })
    await eventually('each member sends over it', () =>
      assert.deepEqual(
        arrived.toSorted(),
        east.map(({ name }) => name),
      ),
    )
  })

  await t.test('one that is changed on another member runs so on all', async (t) => {
    const subscriber = await third.connect(t)
    await subscriber.subscribeAsync('u/x', { qos: 1 })
    await edit(second, [{ ...toWest, topics: ['t/#', 'u/#'] }])
    await wantedOn(west, 'u/x', 'east')
    // The file of the second never had the other link, so that it is not for it to delete.
    await linkRuns(east, 'south')
  })

  await t.test('two members edited at once: both edits stand', async () => {
    await Promise.all([
      edit(first, [toWest, { ...toSouth, enable: false }]),
      edit(second, [{ ...toWest, topics: ['t/#'] }]),
    ])
    await linksAre(east, { west: 'running', south: 'stopped' })
    await wantedOn(west, 'u/x', 'east', false)
  })

  await t.test(
    'one that is deleted is gone on all; a member that was away catches up and says what differs',
    async () => {
      await third.kill()
      await edit(first, [{ ...toWest, pool_size: 3 }])
      await linksAre([first, second], { west: 'running' })
      await third.restart()
      await linksAre([third], { west: 'running' })
      await differs(third, ['cluster.links.west.pool_size'])
    },
  )

  await t.test(
    'a member that starts with another file follows what is shared, and conf diff names the keys',
    async () => {
      await third.process.stop()
      await third.restart(withLinks(third, [{ ...toWest, topics: ['other/#'] }, toSouth]))
      const keys = ['cluster.links.south', 'cluster.links.west.pool_size', 'cluster.links.west.topics']
      await differs(third, keys)
      await linksAre(east, { west: 'running' })
      const differing = await confDiff(third.process.configFile)
      assert.equal(differing.code, 1, differing.text)
      for (const key of keys) assert.ok(differing.text.includes(`${key}\n`), differing.text)
      const same = await confDiff(first.process.configFile)
      assert.equal(same.code, 0, same.text)
    },
  )

  await t.test('an edit while NATS is away is refused and told, and stands when it is made again', async () => {
    await nats.kill()
    await eventually('the node knows that NATS is away', async () => {
      const { links } = await first.call('links.list')
      assert.match(JSON.stringify(links), /coordination lost/)
    })
    const { failure } = await tryEdit(first, [{ ...toWest, pool_size: 3 }, toSouth])
    assert.equal(failure?.['msg'], 'shared_links_change_failed')
    await linksAre(east, { west: 'degraded' })
    await nats.restart()
    await linksAre(east, { west: 'running' })
    await edit(first, [{ ...toWest, pool_size: 3 }, toSouth])
    await linksAre(east, { west: 'running', south: 'running' })
  })
})

/** Resolves when the node said, since it started, that its file differs from what the cluster shares in just these keys. */
async function differs({ process }: TestMember, keys: readonly string[]): Promise<void> {
  await process.waitFor(
    `config_differs_from_cluster ${keys.join(', ')}`,
    ({ msg, keys: told }) =>
      msg === 'config_differs_from_cluster' &&
      Array.isArray(told) &&
      isDeepStrictEqual(told.map(String).toSorted(), keys),
  )
}

function withLinks(member: TestMember, links: readonly LinkFile[]): NodeFile {
  return { ...member.file, cluster: { ...member.file.cluster, links } }
}

/** Writes the file of a member anew and tells it so. Resolves when the member has taken it. */
async function tryEdit(member: TestMember, links: readonly LinkFile[]): Promise<{ failure: LogEvent | undefined }> {
  const { process } = member
  const from = process.log.length
  process.reload(withLinks(member, links))
  await process.waitFor('config_reloaded', ({ msg }) => msg === 'config_reloaded', from)
  return { failure: process.log.slice(from).find(({ msg }) => msg === 'shared_links_change_failed') }
}

async function edit(member: TestMember, links: readonly LinkFile[]): Promise<void> {
  const { failure } = await tryEdit(member, links)
  assert.equal(failure, undefined, JSON.stringify(failure))
}

/** Resolves when each of them has just these links, in these states. */
async function linksAre(members: readonly TestMember[], states: Readonly<Record<string, string>>): Promise<void> {
  await Promise.all(
    members.map((member) =>
      eventually(`links of ${member.name}`, async () => {
        const { links } = await member.call('links.list')
        assert(Array.isArray(links))
        assert.deepEqual(
          Object.fromEntries(links.map(({ name, state }) => [name, state])),
          states,
          JSON.stringify(links.map(({ reasons }) => reasons)),
        )
      }),
    ),
  )
}

function confDiff(file: string): Promise<{ readonly code: number | string; readonly text: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, 'conf', 'diff', file], (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, text: stdout + stderr }),
    )
  })
}
