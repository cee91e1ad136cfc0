/** A link of a cluster of several nodes: any of them is asked, and what is wrong on one is found from another. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asker, readLocalToken } from '../../api/node-with-api.ts'
import { startNats } from '../../cluster/nats-server.ts'
import type { DoctorReport } from '../../../src/link/doctor/finding.ts'
import { eventually, startMembers } from '../cluster/members.ts'
import { putLink, startSide, stepOf, textOf } from './examined.ts'

test('whichever member is asked tells who speaks, and which of the others says nothing', async (t) => {
  const nats = await startNats(t)
  const members = await startMembers(t, 2, {
    cluster: 'east',
    nats: [nats.url],
    port: 0,
    more: { dashboard: { listeners: { http: { bind: '127.0.0.1:0' } } } },
    // That one is silent shows in nothing but that it does not answer.
    moreCluster: { member_ttl: '60s' },
  })
  const west = await startSide(t, 'west')
  const doors = members.map(({ file }) => readLocalToken(file.node.data_dir))
  const asks = doors.map(({ url, token }) => asker(url, `Bearer ${token}`))
  await putLink(west, 'east', { server: members.map(({ port }) => `127.0.0.1:${port}`).join(','), topics: ['t/#'] })
  const body = { name: 'west', server: `127.0.0.1:${west.port}`, topics: ['t/#'], pool_size: 1 }
  assert.equal((await asks[0]!('/cluster/links', { method: 'POST', body })).status, 201)
  const examine = async (
    at: number,
    asked: object = {},
  ): Promise<DoctorReport & { node: string; speaker?: string }> => {
    const answer = await asks[at]!<DoctorReport & { node: string; speaker?: string }>('/cluster/links/west/doctor', {
      method: 'POST',
      body: asked,
    })
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    return answer.body
  }
  const reports = await eventually('the link is well, from both', async () => {
    const both = [await examine(0), await examine(1)] as const
    for (const report of both) assert.equal(report.ok, true, textOf(report))
    for (const report of both) assert.match(stepOf(report, 'nodes').detail, /works on 2 of 2 nodes/)
    return both
  })
  // One of them speaks; the other says that it is not it.
  const speakers = reports.map(({ speaker }) => speaker)
  const other = speakers.findIndex((speaker) => speaker !== undefined)
  assert.notEqual(other, -1)
  assert.equal(speakers[1 - other], undefined)
  assert.equal(speakers[other], members[1 - other]!.name)
  assert.match(stepOf(reports[other]!, 'nodes').detail, /speaks for all, and .* was asked/)
  assert.match(stepOf(reports[other]!, 'identity').detail, /\(this one was east:\d+:doctor:\d+\)/)
  // A subscriber at one member is known at the other.
  await (await members[1 - other]!.connect(t)).subscribeAsync('t/1', { qos: 1 })
  await eventually('the topic would come', async () => {
    const report = await examine(other, { topic: 't/1' })
    assert.equal(stepOf(report, 'topic_back').status, 'ok', textOf(report))
  })
  // The one that does not speak hangs.
  members[other]!.freeze()
  const report = await examine(1 - other)
  const nodes = stepOf(report, 'nodes')
  assert.equal(nodes.status, 'warning', textOf(report))
  assert.match(nodes.detail, new RegExp(`no answer from ${members[other]!.name}`))
})
