/** Links that cannot work: whoever looks, on either side, is told why. What crosses the wire are EMQX's words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeProcess } from '../../src/cli/demo/node-process.ts'
import { linkTo, reserve, startCluster, waitForReason } from './clusters.ts'

test('a link by another name than the peer has', async (t) => {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const b = await startCluster(t, clusterB, [linkTo(clusterA, ['t/#'])])
  const a = await startCluster(t, clusterA, [linkTo({ name: 'cl-x', port: clusterB.port }, ['t/#'])])
  await waitForReason(a, 'cl-x', /bad_remote_cluster_link_name/)
  await waitForReason(b, 'cl-a', /calls us cl-x/)
  await rejectionOf(b, 'cl-a', 'bad_remote_cluster_link_name')
  // And the other way round: B dials A, and A has no link to a cl-b.
  await waitForReason(b, 'cl-a', /unknown_cluster/)
  await rejectionOf(a, 'cl-b', 'unknown_cluster')
  for (const [node, link] of [
    [a, 'cl-x'],
    [b, 'cl-a'],
  ] as const) {
    assert.notEqual(node.linkStatus(link)?.['status'], 'running')
  }
})

test('a link that the peer has disabled', async (t) => {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const b = await startCluster(t, clusterB, [linkTo(clusterA, ['t/#'], { enable: false })])
  const a = await startCluster(t, clusterA, [linkTo(clusterB, ['t/#'])])
  await waitForReason(a, 'cl-b', /cluster_link_disabled/)
  await rejectionOf(b, 'cl-a', 'cluster_link_disabled')
  assert.notEqual(a.linkStatus('cl-b')?.['status'], 'running')
  await b.waitForStatus('cl-a', 'stopped')
  await waitForReason(b, 'cl-a', /disabled/)
})

test('a link that the peer knows nothing of', async (t) => {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const b = await startCluster(t, clusterB, [])
  const a = await startCluster(t, clusterA, [linkTo(clusterB, ['t/#'])])
  await waitForReason(a, 'cl-b', /unknown_cluster/)
  // B has no link whose status could say it; its log does, with the name that knocked.
  await rejectionOf(b, 'cl-a', 'unknown_cluster')
  assert.notEqual(a.linkStatus('cl-b')?.['status'], 'running')
})

/** Resolves when the node's log says that it turned this cluster away for this reason. */
async function rejectionOf(node: NodeProcess, cluster: string, reason: string): Promise<void> {
  await node.waitFor(
    `rejection of ${cluster}: ${reason}`,
    (event) =>
      event.msg === 'cluster_link_actor_init_rejected' &&
      event['from_cluster'] === cluster &&
      event['reason'] === reason,
  )
}
