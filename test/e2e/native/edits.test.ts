/**
 * A link is edited in every way while messages wait for its peer, and again while they cross: they belong to the link, whatever
 * becomes of its connections. Nothing is lost, nothing comes twice, and each publisher's order holds.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LinkFile } from '../../../src/cli/demo/node-process.ts'
import { Account } from '../account.ts'
import { connectClient, prove, subscribe } from '../clients.ts'
import { relayTo } from '../clusters.ts'
import { ledgerThat, settledLedger } from './ledger.ts'
import { startPair } from './pair.ts'

const PER_SECOND = 300
/** Messages that come between one edit and the next. */
const BETWEEN = 60

test('a link that is edited while messages wait or cross loses none, doubles none, and keeps their order', async (t) => {
  const pair = await startPair(t, { topics: ['t/#'] })
  const [a, b] = pair.nodes
  assert(a !== undefined && b !== undefined)
  const socket = pair.socket(0)
  // Another address of the same peer. It is never cut.
  const other = (await relayTo(t, pair.clusters[1]!)).cluster
  const account = new Account()
  const client = await connectClient(t, b.mqttPort)
  const reader = account.read(client, 'reader')
  const inbox = await subscribe(client, 't/#', 2)
  const publishers = await Promise.all([1, 2].map(() => connectClient(t, a.mqttPort)))
  for (const publisher of publishers) await prove(inbox, publisher, 't/probe')
  const publishings = publishers.map((publisher, number) =>
    account.publish(publisher, `p${number}`, { topics: ['t/1', 't/2'], perSecond: PER_SECOND / 2 }),
  )
  // From then on the far side knows where the lanes stand, so that it has to doubt nothing.
  await account.someOf(reader)

  const [link] = a.config.cluster.links
  assert(link !== undefined)
  let edited: LinkFile = link
  const edit = async (change: Partial<LinkFile>): Promise<void> => {
    const logged = a.log.length
    edited = { ...edited, ...change }
    a.reload({ ...a.config, cluster: { ...a.config.cluster, links: [edited] } })
    await a.waitFor('the reload', ({ msg }) => msg === 'config_reloaded', logged)
  }
  const deliveredMore = async (): Promise<void> => {
    const { delivered } = await ledgerThat(socket, 'cl-b', () => true)
    await ledgerThat(socket, 'cl-b', (ledger) => ledger.delivered >= delivered + BETWEEN)
  }

  const outages: readonly (readonly Partial<LinkFile>[])[] = [
    [{ pool_size: 2 }, { durable: true }, { resource_opts: { max_buffer_messages: 50_000 } }, { compression: 'auto' }],
    [
      { username: 'somebody', password: 'another' },
      { overflow: 'drop_newest' },
      { retained: 'off' },
      { durable: false },
    ],
    [{ topics: ['t/#', 'u/#'] }, { clientid: 'another' }, { overflow: 'backpressure' }, { max_inflight: 7 }],
    [{ durable: true }, { pool_size: 4 }, { server: `127.0.0.1:${other.port}` }],
  ]
  for (const edits of outages) {
    pair.relays[1]!.open(false)
    let waiting = 0
    for (const change of edits) {
      // More than before the last edit.
      const { queued } = await ledgerThat(socket, 'cl-b', (ledger) => ledger.queued >= waiting + BETWEEN)
      waiting = queued
      await edit(change)
    }
    pair.relays[1]!.open(true)
    await deliveredMore()
  }
  assert.equal(edited.server, `127.0.0.1:${other.port}`)
  for (const change of [{ server: link.server }, ...outages.flat()]) {
    await edit(change)
    await deliveredMore()
  }

  await Promise.all(publishings.map((publishing) => publishing.stop()))
  await account.complete(reader)
  const { matched, delivered, dropped } = await settledLedger(socket, 'cl-b')
  assert.deepEqual({ delivered, dropped }, { delivered: matched, dropped: {} })
  assert.deepEqual({ doubles: reader.doubles, repeats: reader.repeats }, { doubles: [], repeats: 0 })
  const taken = (await pair.ledgers(1)).in
  assert.equal(taken.accepted, matched, JSON.stringify(taken))
  assert.equal(taken.maybe_duplicate, 0, JSON.stringify(taken))
  t.diagnostic(`${reader.arrivals} arrivals, ${taken.duplicate} came again and were not taken`)
})
