/** Messages that wait too long, by their own interval or by the link's: they go though nothing moves, and the ledger has them. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { LinkFile } from '../../../src/cli/demo/node-process.ts'
import { connectClient, createInbox, prove, publishMany, subscribe } from '../clients.ts'
import { keptClient } from '../kept-client.ts'
import { ledgerThat, settledLedger } from './ledger.ts'
import { startPair } from './pair.ts'

const COUNT = 50
const LIFE_SECONDS = 600

async function start(t: TestContext, link: Partial<LinkFile>) {
  const pair = await startPair(t, { topics: ['t/#'], link })
  const [a, b] = pair.nodes
  assert(a !== undefined && b !== undefined)
  const socket = pair.socket(0)
  const reader = await connectClient(t, b.mqttPort)
  const inbox = await subscribe(reader, 't/#')
  const publisher = await connectClient(t, a.mqttPort)
  await prove(inbox, publisher, 't/probe')
  await settledLedger(socket, 'cl-b')
  const cut = async (): Promise<void> => {
    const logged = a.log.length
    pair.relays[1]!.open(false)
    await a.waitFor('the outage', ({ msg, status }) => msg === 'cluster_link_status' && status !== 'running', logged)
  }
  return { b, socket, reader, inbox, publisher, cut, mend: () => pair.relays[1]!.open(true) }
}

for (const dialect of ['native', 'emqx'] as const)
  test(`dialect ${dialect}: what expires while the peer is away is counted then; what does not has the rest of its life there`, async (t) => {
    const { b, socket, reader, inbox, publisher, cut, mend } = await start(t, { dialect })
    const sleeper = await keptClient(t, b.mqttPort, 'kept')
    await sleeper.subscribeAsync('t/#', { qos: 1 })
    await sleeper.endAsync()
    const left = new Map<string, number | undefined>()
    reader.on('message', (topic, payload, { properties }) =>
      left.set(`${topic} ${payload.toString()}`, properties?.messageExpiryInterval),
    )
    const publish = (topic: string, seconds?: number, qos: 0 | 1 = 1): Promise<unknown> =>
      Promise.all(
        Array.from({ length: COUNT }, (_, index) => {
          const properties = seconds === undefined ? {} : { properties: { messageExpiryInterval: seconds } }
          return publisher.publishAsync(topic, `${index}`, { qos, ...properties })
        }),
      )

    await cut()
    const { matched: before } = await settledLedger(socket, 'cl-b')
    const publishedMs = performance.now()
    await Promise.all([
      publish('t/short', 1),
      publish('t/long', LIFE_SECONDS),
      publish('t/ever'),
      publish('t/none', 1, 0),
    ])
    const acknowledgedMs = performance.now()
    const { dropped, queued, matched } = await ledgerThat(socket, 'cl-b', (ledger) => ledger.queued <= 2 * COUNT)
    assert.deepEqual(
      { dropped, queued, matched },
      { dropped: { expired: 2 * COUNT }, queued: 2 * COUNT, matched: before + 4 * COUNT },
    )
    assert.ok(performance.now() - publishedMs >= 900, 'not before its time')

    const waitedMs = performance.now() - acknowledgedMs
    mend()
    await inbox.waitForCount(2 * COUNT)
    const arrivedMs = performance.now() - publishedMs
    const topics = new Set(inbox.arrivals.map(({ topic }) => topic))
    assert.deepEqual(topics, new Set(['t/long', 't/ever']))
    for (let index = 0; index < COUNT; index += 1) {
      assert.equal(left.get(`t/ever ${index}`), undefined)
      const seconds = left.get(`t/long ${index}`) ?? 0
      const most = LIFE_SECONDS - Math.floor(waitedMs / 1_000)
      const least = LIFE_SECONDS - Math.ceil(arrivedMs / 1_000) - 1
      assert.ok(seconds <= most && seconds >= least, `${seconds} s, of ${least} to ${most}`)
    }

    if (dialect === 'emqx') return
    // Seconds in the outbox and seconds in the queue of a session count together; what is left is told in whole ones.
    await cut()
    await publish('t/sum', 5)
    await pause(3_000)
    mend()
    await pause(3_100)
    const seen = createInbox('kept')
    await keptClient(t, b.mqttPort, 'kept', (client) =>
      client.on('message', (topic, payload, { qos, retain }) => {
        if (topic !== 't/probe') seen.put({ topic, payload: payload.toString(), qos, retain })
      }),
    )
    await publish('t/last')
    await seen.waitForCount(3 * COUNT)
    assert.deepEqual(new Set(seen.arrivals.map(({ topic }) => topic)), new Set(['t/long', 't/ever', 't/last']))
  })

test('request_ttl: what waits longer is dropped though nothing moves, whatever its QoS; what comes later is not', async (t) => {
  const { socket, inbox, publisher, cut, mend } = await start(t, { resource_opts: { request_ttl: '1s' } })
  await cut()
  const { matched: before } = await settledLedger(socket, 'cl-b')
  await Promise.all(
    ([0, 1, 2] as const).flatMap((qos) =>
      Array.from({ length: COUNT }, (_, index) => publisher.publishAsync('t/old', `${index}`, { qos })),
    ),
  )
  const { matched, dropped } = await ledgerThat(socket, 'cl-b', ({ queued }) => queued === 0)
  assert.deepEqual({ matched, dropped }, { matched: before + 3 * COUNT, dropped: { expired: 3 * COUNT } })
  mend()
  await prove(inbox, publisher, 't/probe')
  const sent = await publishMany(publisher, 't/new', '', COUNT)
  await inbox.waitForCount(COUNT)
  assert.deepEqual(inbox.payloads(), sent)
})
