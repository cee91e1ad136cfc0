/**
 * Both accounts of a link, at both of its ends, watched over the debug socket while all happens that may happen to messages: they
 * are dropped, expire, are refused; accounts begin anew; nodes are killed and come back. They balance whenever one looks.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { type Fields, isFields } from '../../../src/cli/fields.ts'
import { SocketClient } from '../../../src/cli/inspect/socket-client.ts'
import { Account } from '../account.ts'
import { connectClient } from '../clients.ts'
import { type Pair, startPair } from './pair.ts'

const LIMIT = 500
const DEADLINE_MS = 30_000

async function ask(pair: Pair, at: number, method: string): Promise<Fields> {
  const client = await SocketClient.open(pair.socket(at))
  return client.call(method, { link: pair.clusters[1 - at]!.name }).finally(() => client.close())
}

/** All that stands in an account, reasons as `dropped.expired`. */
async function countsOf(pair: Pair, at: number, account: 'ledger' | 'inbound'): Promise<Record<string, number>> {
  const answer = await ask(pair, at, 'ledger.get')
  const counts = Object.entries(isFields(answer[account]) ? answer[account] : {}).flatMap(([name, value]) =>
    isFields(value)
      ? Object.entries(value).map(([reason, of]) => [`${name}.${reason}`, of] as const)
      : [[name, value] as const],
  )
  return Object.fromEntries(counts.map(([name, value]) => [name, Number(value)]))
}

/** Resolves with the account when it is as it should be. */
async function becomes(
  pair: Pair,
  at: number,
  account: 'ledger' | 'inbound',
  what: string,
  holds: (counts: Record<string, number>) => boolean,
): Promise<Record<string, number>> {
  for (const untilMs = performance.now() + DEADLINE_MS; ; await pause(20)) {
    const counts = await countsOf(pair, at, account)
    if (holds(counts)) return counts
    assert(performance.now() < untilMs, `${what} did not come about: ${JSON.stringify(counts)}`)
  }
}

/** Resolves when the first node knows that it has no connection to send over. */
async function cutOff(pair: Pair): Promise<void> {
  for (const untilMs = performance.now() + DEADLINE_MS; ; await pause(20)) {
    const { links } = await ask(pair, 0, 'links.list')
    if (Array.isArray(links) && !('dialect' in links[0])) return
    assert(performance.now() < untilMs, 'the end of the connection was never noticed')
  }
}

const isEmpty = ({ queued, inflight }: Record<string, number>): boolean => queued === 0 && inflight === 0

/** Looks at both accounts of both ends again and again; those who are down are left out. Throws if one does not balance. */
function watch(pair: Pair) {
  const up = [true, true]
  const watching = { isOver: false, looks: 0 }
  const look = async (at: number): Promise<void> => {
    while (!watching.isOver) {
      if (up[at] === true) {
        // It may go just now. Imbalance is another error.
        await pair.ledgers(at).then(
          () => (watching.looks += 1),
          (error: unknown) => {
            if (error instanceof assert.AssertionError || up[at] === true) throw error
          },
        )
      }
      await pause(10)
    }
  }
  const both = Promise.all([look(0), look(1)])
  // Told at the end.
  both.catch(() => undefined)
  return {
    up,
    end: async (): Promise<number> => {
      watching.isOver = true
      await both
      return watching.looks
    },
  }
}

async function publish(t: TestContext, port: number, count: number, options: { qos: 0 | 1 | 2; expiry?: number }) {
  const client = await connectClient(t, port)
  const { qos, expiry } = options
  const properties = expiry === undefined ? {} : { properties: { messageExpiryInterval: expiry } }
  await Promise.all(
    Array.from({ length: count }, (_, number) =>
      client.publishAsync(`t/${number % 7}`, `${number}`, { qos, ...properties }),
    ),
  )
  await client.endAsync()
}

test('the accounts of both ends balance at every instant, whatever happens to messages', async (t) => {
  const link = { durable: true, resource_opts: { max_buffer_messages: LIMIT } }
  const pair = await startPair(t, { topics: ['t/#', 'u/#'], link })
  const [a, b] = pair.nodes as [(typeof pair.nodes)[0], (typeof pair.nodes)[0]]
  const reader = await connectClient(t, b.mqttPort)
  await reader.subscribeAsync('t/#', { qos: 2 })
  await a.waitFor('its route', ({ msg }) => msg === 'cluster_link_actor_init')
  const watcher = watch(pair)
  const { up } = watcher

  // Under load, both QoS and none.
  const publisher = await connectClient(t, a.mqttPort)
  const probed = await becomes(pair, 0, 'ledger', 'a route', ({ matched }) => {
    publisher.publish('t/probe', 'probe', { qos: 1 })
    return (matched ?? 0) > 0
  })
  assert.ok(probed)
  await publisher.endAsync()
  const { matched: before = 0 } = await becomes(pair, 0, 'ledger', 'an empty outbox', isEmpty)
  await publish(t, a.mqttPort, 300, { qos: 0 })
  await publish(t, a.mqttPort, 600, { qos: 1 })
  await publish(t, a.mqttPort, 300, { qos: 2 })
  const loaded = await becomes(pair, 0, 'ledger', 'an empty outbox', isEmpty)
  assert.equal(loaded['matched'], before + 1_200)
  const taken = await becomes(pair, 1, 'inbound', 'all taken', ({ accepted }) => accepted === loaded['delivered'])
  assert.equal(taken['received'], loaded['delivered'])

  // The receiver is gone, and more comes than the outbox has room for; some of it in vain if it waits.
  up[1] = false
  await b.kill()
  await cutOff(pair)
  await publish(t, a.mqttPort, 100, { qos: 0 })
  await publish(t, a.mqttPort, 1_000, { qos: 1 })
  await publish(t, a.mqttPort, 200, { qos: 2, expiry: 1 })
  const lost = await becomes(pair, 0, 'ledger', 'expiry', (counts) => counts['dropped.expired'] === 200)
  assert.equal(lost['matched'], before + 2_500)
  assert.equal(lost['dropped.shed_qos0'], 100)
  assert.ok(lost['dropped.queue_full']! >= 1_200 - LIMIT && lost['queued']! <= LIMIT - 200, JSON.stringify(lost))

  // It is back, and wants something else: what waits for it is none of that.
  const back = await pair.start(t, 1, { topics: ['u/#'] })
  up[1] = true
  const refused = await becomes(pair, 1, 'inbound', 'refusals', (counts) => counts['not_in_topics'] === lost['queued'])
  assert.ok(refused['received']! >= refused['accepted']! + refused['not_in_topics']!)
  assert.equal((await becomes(pair, 0, 'ledger', 'an empty outbox', isEmpty))['matched'], before + 2_500)

  // Accounts begin anew in the middle of it.
  up[1] = false
  await back.stop()
  const again = await pair.start(t, 1)
  up[1] = true
  await Promise.all([pair.running(), a.waitForStatus('cl-b', 'running')])
  const account = new Account()
  const late = await connectClient(t, again.mqttPort)
  const seen = account.read(late, 'late')
  await late.subscribeAsync('t/#', { qos: 2 })
  const load = account.publish(await connectClient(t, a.mqttPort), 'p', {
    topics: ['t/1', 't/2'],
    qos: [0, 1, 2],
    perSecond: 500,
  })
  for (let resets = 0; resets < 5; resets += 1) {
    const arrivals = seen.arrivals + 100
    while (seen.arrivals < arrivals) await pause(5)
    await Promise.all([ask(pair, 0, 'ledger.reset'), ask(pair, 1, 'ledger.reset')])
  }
  await load.stop()
  const anew = await becomes(pair, 0, 'ledger', 'an empty outbox', isEmpty)
  assert.ok(anew['matched']! < seen.arrivals && anew['dropped.expired'] === undefined, JSON.stringify(anew))

  // Both are restarted, and know what they knew.
  const known = await Promise.all([countsOf(pair, 0, 'ledger'), countsOf(pair, 1, 'inbound')])
  up[0] = up[1] = false
  assert.deepEqual(await Promise.all([a.stop(), again.stop()]), [0, 0])
  await Promise.all([pair.start(t, 0), pair.start(t, 1)])
  up[0] = up[1] = true
  assert.deepEqual(await Promise.all([countsOf(pair, 0, 'ledger'), countsOf(pair, 1, 'inbound')]), known)

  const looks = await watcher.end()
  t.diagnostic(`${looks} looks`)
  assert.ok(looks > 50, `${looks} looks`)
})
