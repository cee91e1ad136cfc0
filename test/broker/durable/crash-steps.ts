/** Steps that a broker, its disk and its clients may take in any order, and what must hold after any number of them. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { CrashClient } from './crash-client.ts'
import { CrashWorld } from './crash-world.ts'

const who = fc.nat({ max: 3 })
export const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant('publish'), who: fc.nat({ max: 1 }), qos: fc.constantFrom(1, 2) }),
  },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('toServer'), who }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('toClient'), who }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('turn') }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('commit') }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('time') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('connect'), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose'), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('disk'), isFull: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('crash') }) },
)
export type Step = { readonly do: string; readonly who?: number; readonly qos?: number; readonly isFull?: boolean }

export async function run(steps: readonly Step[]): Promise<void> {
  const publishers = [new CrashClient('kept-publisher', true), new CrashClient('clean-publisher', false)]
  const subscribers = [new CrashClient('s0', true, 't'), new CrashClient('s1', true, '#')]
  const world = new CrashWorld([...publishers, ...subscribers])
  for (const client of world.clients) world.connect(client)
  // From here on each message is for both of them.
  await world.quiet()
  world.store.isPrompt = false
  let count = 0
  for (const { do: what, who = 0, qos = 1, isFull } of steps) {
    const client = world.clients[who]!
    if (what === 'publish') client.publish(qos as 1 | 2, `${who}/${qos}/${count++}`)
    else if (what === 'toServer') client.toServer()
    else if (what === 'toClient') client.toClient()
    else if (what === 'turn') world.turn()
    else if (what === 'commit') world.store.settle()
    else if (what === 'time') world.clock.advance(7)
    else if (what === 'connect' && !client.isConnected) world.connect(client)
    else if (what === 'lose') client.lost()
    else if (what === 'disk') world.store.failure = isFull === true ? new Error('no room') : undefined
    else if (what === 'crash') world.crash()
    // What a commit resolves with is told in a turn of its own.
    await Promise.resolve()
  }
  await world.quiet()
  check(world, publishers, subscribers)
  // And nothing of it is left, on disk or in memory, for the next process.
  world.crash()
  await world.quiet()
  check(world, publishers, subscribers)
  assert.deepEqual([world.store.count('messages'), world.store.count('progress')], [0, 0])
}

function check(world: CrashWorld, publishers: readonly CrashClient[], subscribers: readonly CrashClient[]): void {
  assert.deepEqual(
    world.errors.filter((error) => !error.startsWith('store_write_failed')),
    [],
  )
  for (const { unfinished, isKept } of publishers)
    assert(!isKept || unfinished === 0, 'a publish was never acknowledged')
  for (const { id, got } of subscribers) {
    const texts = got.map(({ text }) => text)
    for (const { acknowledged } of publishers)
      for (const { text } of acknowledged)
        assert(texts.includes(text), `${text} was acknowledged and ${id} never got it`)
    const exact = got.filter(({ qos }) => qos === 2).map(({ text }) => text)
    assert.deepEqual(exact, [...new Set(exact)], `${id} got a message of QoS 2 twice`)
    for (const own of ['0/2/', '1/2/']) {
      const numbers = exact.filter((text) => text.startsWith(own)).map((text) => Number(text.slice(own.length)))
      assert.deepEqual(
        numbers,
        [...numbers].sort((a, b) => a - b),
        `${id} got them out of order`,
      )
    }
  }
}
