/** Links that cannot work: whoever looks, on either side, is told why in EMQX's words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkTo, reserve, startCluster, waitForReason } from './clusters.ts'

test('a link by another name than the peer has', async (t) => {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const b = await startCluster(t, clusterB, [linkTo(clusterA, ['t/#'])])
  const a = await startCluster(t, clusterA, [linkTo({ name: 'cl-x', port: clusterB.port }, ['t/#'])])
  await waitForReason(a, 'cl-x', /bad_remote_cluster_link_name/)
  await waitForReason(b, 'cl-a', /bad_remote_cluster_link_name/)
  // B dials A, and A knows no cl-b.
  await waitForReason(b, 'cl-a', /unknown_cluster/)
  assert.notEqual(a.linkStatus('cl-x')?.['status'], 'running')
})

test('a link that the peer has disabled', async (t) => {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const b = await startCluster(t, clusterB, [linkTo(clusterA, ['t/#'], { enable: false })])
  const a = await startCluster(t, clusterA, [linkTo(clusterB, ['t/#'])])
  await waitForReason(a, 'cl-b', /cluster_link_disabled/)
  await waitForReason(b, 'cl-a', /disabled/)
  assert.equal(b.linkStatus('cl-a')?.['status'], 'stopped')
  assert.notEqual(a.linkStatus('cl-b')?.['status'], 'running')
})

test('a link that the peer knows nothing of', async (t) => {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const b = await startCluster(t, clusterB, [])
  const a = await startCluster(t, clusterA, [linkTo(clusterB, ['t/#'])])
  await waitForReason(a, 'cl-b', /unknown_cluster/)
  // B has no link whose status could say it: its log does, with the name that knocked.
  const rejected = await b.waitFor(
    'cluster_link_actor_init_rejected',
    (event) => event.msg === 'cluster_link_actor_init_rejected',
  )
  assert.match(JSON.stringify(rejected), /cl-a.*unknown_cluster|unknown_cluster.*cl-a/)
  assert.notEqual(a.linkStatus('cl-b')?.['status'], 'running')
})
