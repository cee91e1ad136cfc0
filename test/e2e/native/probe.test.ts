/**
 * Links that are connected and mute, each in its own way: it shows, the connections are opened anew, and what waited crosses once. The
 * end that sends is in this process, so that it may be probed more often than every five seconds.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startNodeProcess } from '../../../src/cli/demo/node-process.ts'
import { type ConfigInput, createNode, type Node, type NodeLink, type NodeOptions } from '../../../src/index.ts'
import type { Logger } from '../../../src/broker/logger.ts'
import { Account } from '../account.ts'
import { connectClient } from '../clients.ts'
import { type Cluster, linkTo, nodeFile, reserve, temporaryDirectory } from '../clusters.ts'
import { startCuttingRelay } from './cutting-relay.ts'

/** A restart is a matter of a second here; one in vain is not repeated soon. */
const probe = { intervalMs: 100, muteMs: 400, restartMs: 1_200, restartPauseMsMin: 2_000, restartPauseMsMax: 8_000 }

type PairOptions = { readonly isBack?: boolean; readonly isProcess?: boolean; readonly dialect?: 'auto' | 'emqx' }
type Link = NonNullable<NonNullable<ConfigInput['cluster']>['links']>[number]
type Line = { readonly event: string; readonly fields: object }

/** A sends to B over a relay. @param isBack whether B reaches A, too @param isProcess whether B has a process of its own */
async function startPair(t: TestContext, { isBack = true, dialect = 'auto', isProcess = false }: PairOptions = {}) {
  const [a, b] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const relay = await startCuttingRelay(() => b.port)
  t.after(() => relay.close())
  const directory = temporaryDirectory()
  const back = isBack ? a : { ...a, port: 1 }
  const link = { ...linkTo(back, []), topics: ['t/#'] }
  const receiver = isProcess ? await startNodeProcess(nodeFile(b, [link], join(directory, 'b')), directory) : undefined
  if (receiver === undefined) await startNode(t, b, link)
  t.after(() => receiver?.kill())
  const lines: Line[] = []
  const at = (fields: object, event: string) => void lines.push({ event, fields })
  const log: Logger = { debug: at, info: at, warn: at, error: at }
  const server = `127.0.0.1:${relay.port}`
  const sender = await startNode(t, a, { name: b.name, server, topics: [], dialect }, { log, probe })
  return { sender, pid: receiver?.pid, relay, lines, senderPort: a.port, receiverPort: b.port }
}

/** In this process. */
async function startNode(
  t: TestContext,
  { name, port }: Cluster,
  link: Link,
  options: NodeOptions = {},
): Promise<Node> {
  const config = {
    node: { name: `${name}@127.0.0.1`, data_dir: join(temporaryDirectory(), name) },
    cluster: { name, links: [link] },
    listeners: { tcp: { default: { bind: `127.0.0.1:${port}` } } },
  }
  const node = createNode(config, options)
  t.after(() => node.stop())
  await node.start()
  return node
}

function linkOf(node: Node): NodeLink {
  const [link] = node.status().links
  assert.ok(link?.probe !== undefined)
  return link
}

function signal({ pid }: Pair, name: 'SIGSTOP' | 'SIGCONT'): void {
  assert.ok(pid !== undefined)
  process.kill(pid, name)
}

function isDegraded({ event, fields }: Line, says: RegExp): boolean {
  if (event !== 'cluster_link_status' || !('status' in fields) || !('reasons' in fields)) return false
  return fields.status === 'degraded' && says.test(String(fields.reasons))
}

async function until(what: string, question: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 60_000
  while (!question()) {
    assert.ok(Date.now() < giveUpAt, `${what}: not within 60 s`)
    await delay(10)
  }
}

/** What is wrong, how it is mended, and what the status says of it. */
const mutes = [
  {
    name: 'acknowledgements are lost',
    breaks: ({ relay }: Pair) => relay.deaden('target', ':msg:'),
    says: /acknowledges nothing since .*though its answers come/,
  },
  {
    name: 'nothing passes any more, either way (half-open)',
    breaks: ({ relay }: Pair) => relay.deaden('both', ':msg:'),
    says: /the probe is unanswered and nothing is acknowledged since/,
  },
  {
    name: 'the process of the receiver is stopped',
    breaks: (pair: Pair) => signal(pair, 'SIGSTOP'),
    mends: (pair: Pair) => signal(pair, 'SIGCONT'),
    says: /the probe is unanswered and nothing is acknowledged since/,
  },
] as const

type Pair = Awaited<ReturnType<typeof startPair>>

describe('probes between nodes', { concurrency: 3 }, () => {
  for (const { name, isBack } of [
    { name: 'there and back over the links of both', isBack: true },
    { name: 'to a peer that has no way to us of its own', isBack: false },
  ])
    test(`probes cross ${name}, and nobody else sees them`, async (t) => {
      const { sender, receiverPort, senderPort } = await startPair(t, { isBack })
      const seen: string[] = []
      for (const port of [receiverPort, senderPort]) {
        const client = await connectClient(t, port)
        client.on('message', (topic) => void seen.push(topic))
        await client.subscribeAsync('#', { qos: 1 })
      }
      await until('three answers', () => (linkOf(sender).probe?.answered ?? 0) >= 3)
      // Until the peer has connected to us, it answers where it is asked.
      if (isBack) await until('answers over its link', () => linkOf(sender).probe?.answered_over === 'peers_link')
      const { probe: found, ledger, inbound } = linkOf(sender)
      assert.ok(found !== undefined && ledger !== undefined)
      assert.equal(found.kind, 'native')
      assert.ok((found.round_trip?.p50_ms ?? 0) > 0)
      assert.equal(found.round_trip?.count, found.answered)
      assert.equal(found.one_way?.count, found.answered)
      assert.equal(found.one_way_back?.count, found.answered)
      assert.equal(found.answered_over, isBack ? 'peers_link' : 'same_connection')
      assert.ok(found.clock_offset_ms !== null && Math.abs(found.clock_offset_ms) < 5_000, 'it is one machine')
      assert.ok(found.last_crossed_at !== null && Date.parse(found.last_crossed_at) > Date.now() - 60_000)
      assert.equal(ledger.matched, 0)
      assert.equal(inbound?.received, 0)
      assert.deepEqual(seen, [])
    })

  test('to a peer that speaks EMQX’s dialect, connections are pinged, and nothing is sent that anybody could see', async (t) => {
    const { sender, receiverPort } = await startPair(t, { dialect: 'emqx' })
    const seen: string[] = []
    const client = await connectClient(t, receiverPort)
    client.on('message', (topic) => void seen.push(topic))
    await client.subscribeAsync('#', { qos: 1 })
    await until('three answers', () => (linkOf(sender).probe?.answered ?? 0) >= 3)
    const { probe: found, ledger } = linkOf(sender)
    assert.equal(found?.kind, 'emqx')
    assert.ok((found.round_trip?.p50_ms ?? 0) > 0)
    assert.deepEqual([found.one_way, found.clock_offset_ms], [null, null])
    assert.match(found.note ?? '', /PINGREQ/)
    assert.equal(ledger?.matched, 0)
    assert.deepEqual(seen, [])
  })

  for (const { name, breaks, says, ...more } of mutes)
    test(`connected and mute, since ${name}: degraded, opened anew, and each message crosses once`, async (t) => {
      const pair = await startPair(t, { isProcess: 'mends' in more })
      const { sender, lines, senderPort, receiverPort } = pair
      const account = new Account()
      const subscriber = await connectClient(t, receiverPort)
      const reader = account.read(subscriber, 'B')
      await subscriber.subscribeAsync('t/#', { qos: 2 })
      await until('the route and the first answers', () => {
        const { routes, probe: found, state } = linkOf(sender)
        // Before the peer has connected to us, its answers come over the connection that is to be broken.
        return routes.peers === 1 && found?.answered_over === 'peers_link' && state === 'running'
      })
      const publishing = account.publish(await connectClient(t, senderPort), 'p', {
        topics: ['t/1'],
        perSecond: 200,
      })
      await account.someOf(reader)

      breaks(pair)
      await until('degraded, with the reason', () => lines.some((line) => isDegraded(line, says)))
      await until('the restart', () => lines.some(({ event }) => event === 'cluster_link_mute_restart'))
      if ('mends' in more) more.mends(pair)

      await until(
        'running again',
        () => linkOf(sender).state === 'running' && linkOf(sender).probe?.mute_since === null,
      )
      await publishing.stop()
      await account.complete(reader)
      assert.equal(reader.repeats, 0, 'messages came twice')
      const { probe: found, ledger } = linkOf(sender)
      assert.ok((found?.mute_restarts ?? 0) >= 1)
      await until(
        'all acknowledged',
        () => linkOf(sender).ledger?.inflight === 0 && linkOf(sender).ledger?.queued === 0,
      )
      assert.deepEqual({ dropped: ledger?.dropped, failed: ledger?.failed }, { dropped: {}, failed: {} })
    })
})
