/** What a node may rely on, whatever its cluster coordinates through: run for NATS and for the simulated networks. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { ClusterError } from '../../src/cluster/cluster-error.ts'
import type { Channel, Coordination, Register, Sender } from '../../src/cluster/coordination.ts'

export type CoordinationKind = {
  readonly name: string
  /** A process of a node that is connected; closed when the test is over. All of one test meet. */
  readonly join: (t: TestContext, node: string, boot: string) => Promise<Coordination>
  /** Waits until this is true, and lets time pass meanwhile. Rejects after long. */
  readonly until: (isTrue: () => boolean, what: string) => Promise<void>
  /** Lets pass the time in which what was sent would have arrived. */
  readonly settle: () => Promise<void>
}

const bytes = (text: string): Uint8Array => Buffer.from(text)
const textOf = (value: Uint8Array | undefined): string | undefined => {
  return value === undefined ? undefined : Buffer.from(value).toString()
}

type Seen = { readonly events: string[]; readonly known: Map<string, string> }

/** What a watcher was told: the newest value of each register, and the order of events. */
function watch(coordination: Coordination, keyPrefix: string): Seen & { readonly stop: () => void } {
  const seen: Seen = { events: [], known: new Map() }
  const stop = coordination.registers.watch(keyPrefix, {
    changed: ({ key, value }: Register) => {
      const text = textOf(value)
      seen.events.push(`${key}=${text ?? '(deleted)'}`)
      if (text === undefined) seen.known.delete(key)
      else seen.known.set(key, text)
    },
    ready: (keys) => {
      seen.events.push('ready')
      for (const key of seen.known.keys()) if (!keys.has(key)) seen.known.delete(key)
    },
  })
  return { ...seen, stop }
}

type Heard = { readonly from: Sender; readonly text: string }

function listen(coordination: Coordination, channel: Channel): Heard[] {
  const heard: Heard[] = []
  coordination.bus.listen(channel, (from, payload) => heard.push({ from, text: Buffer.from(payload).toString() }))
  return heard
}

/** The revision of a write that must not fail. */
const written = async (result: Promise<{ readonly type: string }>): Promise<number> => {
  const { type, ...rest } = await result
  assert.equal(type, 'written')
  assert.ok('revision' in rest && typeof rest.revision === 'number')
  return rest.revision
}

export function coordinationSuite({ name, join, until, settle }: CoordinationKind): void {
  test(`${name}: a register that was never written is there, empty, with revision 0`, async (t) => {
    const { registers } = await join(t, 'a', '1')
    assert.deepEqual(await registers.read('nothing'), { key: 'nothing', value: undefined, revision: 0 })
  })

  test(`${name}: a register is written on its revision alone, and revisions grow`, async (t) => {
    const { registers } = await join(t, 'a', '1')
    const first = await written(registers.write('k', bytes('one'), 0))
    assert.deepEqual(await registers.write('k', bytes('late'), 0), { type: 'conflict' })
    assert.deepEqual(await registers.write('k', bytes('wrong'), first + 1), { type: 'conflict' })
    const second = await written(registers.write('k', bytes('two'), first))
    assert.ok(second > first && Number.isSafeInteger(second))
    assert.deepEqual(await registers.write('k', bytes('old'), first), { type: 'conflict' })
    const { value, revision } = await registers.read('k')
    assert.deepEqual([textOf(value), revision], ['two', second])
  })

  test(`${name}: what was deleted is written again on 0, on its own revision, and on no older one`, async (t) => {
    const { registers } = await join(t, 'a', '1')
    const first = await written(registers.write('k', bytes('one'), 0))
    assert.deepEqual(await registers.remove('k', first + 1), { type: 'conflict' })
    const deleted = await written(registers.remove('k', first))
    assert.ok(deleted > first)
    assert.equal((await registers.read('k')).value, undefined)
    assert.deepEqual(await registers.write('k', bytes('old'), first), { type: 'conflict' })
    const second = await written(registers.write('k', bytes('two'), 0))
    assert.ok(second > deleted)
    assert.deepEqual(await registers.write('k', bytes('late'), 0), { type: 'conflict' })
    const again = await written(registers.remove('k', second))
    const third = await written(registers.write('k', bytes('three'), again))
    assert.equal((await registers.read('k')).revision, third)
  })

  test(`${name}: of many who write at once one wins`, async (t) => {
    const { registers } = await join(t, 'a', '1')
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, index) => registers.write('k', bytes(`${index}`), 0)),
    )
    assert.equal(results.filter(({ type }) => type === 'written').length, 1)
    const winner = results.findIndex(({ type }) => type === 'written')
    assert.equal(textOf((await registers.read('k')).value), `${winner}`)
  })

  test(`${name}: any text is a key, and any bytes a value`, async (t) => {
    const { registers } = await join(t, 'a', '1')
    const seen = new Map<string, string>()
    registers.watch('', {
      changed: ({ key, value = new Uint8Array(0) }) => seen.set(key, Buffer.from(value).toString('hex')),
      ready: () => undefined,
    })
    const text = fc.string({ unit: 'grapheme', maxLength: 40 })
    const entry = fc.tuple(
      fc.oneof(text, fc.constantFrom('', '.', '*', '>', 'a b', 'ü.>', '=', '=41', 'A', 'a/b')),
      fc.uint8Array(),
    )
    const keys = { selector: ([key]: [string, Uint8Array]) => key, minLength: 1, maxLength: 4 }
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(entry, keys), async (entries) => {
        for (const [key, value] of entries) {
          const { revision } = await registers.read(key)
          await written(registers.write(key, Uint8Array.from(value), revision))
        }
        for (const [key, value] of entries) {
          const found = await registers.read(key)
          assert.deepEqual([found.key, Buffer.from(found.value ?? [])], [key, Buffer.from(value)])
          const hex = Buffer.from(value).toString('hex')
          await until(() => seen.get(key) === hex, `${JSON.stringify(key)} seen as ${hex}`)
        }
      }),
      { numRuns: 25, seed: 4 },
    )
  })

  test(`${name}: a watcher is told what there is, then that this is all, then each change`, async (t) => {
    const coordination = await join(t, 'a', '1')
    const { registers } = coordination
    const gone = await written(registers.write('lease/gone', bytes('x'), 0))
    await registers.remove('lease/gone', gone)
    const old = await written(registers.write('lease/old', bytes('1'), 0))
    await registers.write('slot/1', bytes('other'), 0)
    const { events, known } = watch(coordination, 'lease/')
    await until(() => events.includes('ready'), 'the beginning')
    assert.deepEqual(events, ['lease/old=1', 'ready'])
    const next = await written(registers.write('lease/old', bytes('2'), old))
    // A change that the next one overtakes need not be told: so one after the other.
    await until(() => events.length === 3, 'the first change')
    await registers.write('lease/new', bytes('3'), 0)
    await registers.write('slot/2', bytes('other'), 0)
    await registers.remove('lease/old', next)
    await until(() => events.length === 5, 'three changes')
    assert.deepEqual(events.slice(2), ['lease/old=2', 'lease/new=3', 'lease/old=(deleted)'])
    assert.deepEqual([...known], [['lease/new', '3']])
  })

  test(`${name}: each watcher has a beginning of its own, and one that was stopped hears nothing more`, async (t) => {
    const coordination = await join(t, 'a', '1')
    const { registers } = coordination
    const first = watch(coordination, '')
    await until(() => first.events.includes('ready'), 'the first beginning')
    const revision = await written(registers.write('k', bytes('1'), 0))
    await until(() => first.known.get('k') === '1', 'the first change')
    const second = watch(coordination, '')
    const never = watch(coordination, '')
    never.stop()
    await until(() => second.events.includes('ready'), 'the second beginning')
    assert.deepEqual(second.events, ['k=1', 'ready'])
    first.stop()
    await registers.write('k', bytes('2'), revision)
    await until(() => second.known.get('k') === '2', 'the second change')
    assert.equal(first.known.get('k'), '1')
    assert.deepEqual(never.events, [])
  })

  test(`${name}: a payload beyond the limit throws, whoever it is for`, async (t) => {
    const { bus } = await join(t, 'a', '1')
    const payload = new Uint8Array(bus.payloadBytesMax + 1)
    assert.throws(() => bus.broadcast('maps', payload), RangeError)
    assert.throws(() => bus.send('b', 'maps', payload), RangeError)
  })

  test(`${name}: nobody hears himself`, async (t) => {
    const coordination = await join(t, 'a', '1')
    const heard = listen(coordination, 'maps')
    coordination.bus.broadcast('maps', bytes('to all'))
    coordination.bus.send('a', 'maps', bytes('to a'))
    await settle()
    assert.deepEqual(heard, [])
  })

  test(`${name}: once closed it is not connected, and registers do not answer`, async (t) => {
    const coordination = await join(t, 'a', '1')
    const told: boolean[] = []
    coordination.onConnection((isConnected) => told.push(isConnected))
    assert.equal(coordination.isConnected, true)
    await coordination.close()
    assert.equal(coordination.isConnected, false)
    assert.deepEqual(told, [false])
    const rejected = assert.rejects(coordination.registers.read('k'), (error) => {
      return error instanceof ClusterError && error.code === 'COORDINATION_LOST'
    })
    await settle()
    await rejected
    coordination.bus.broadcast('maps', bytes('to nobody'))
    await coordination.close()
  })

  sharedSuite({ name, join, until, settle })
}

function sharedSuite({ name, join, until, settle }: CoordinationKind): void {
  test(`${name}: a broadcast reaches every other node once, on its channel, with its sender`, async (t) => {
    const [a, b, c] = await Promise.all([join(t, 'a', '1'), join(t, 'b.x@127.0.0.1', '2'), join(t, 'ü *>', '3')])
    const heard = [listen(b, 'maps'), listen(c, 'maps')]
    const elsewhere = listen(b, 'lanes')
    await settle()
    a.bus.broadcast('maps', bytes('from a'))
    await until(() => heard.every((messages) => messages.length > 0), 'the broadcast at b and c')
    c.bus.broadcast('maps', bytes('from c'))
    await until(() => heard[0]?.length === 2, 'the second broadcast at b')
    await settle()
    const fromA = { from: { node: 'a', boot: '1' }, text: 'from a' }
    assert.deepEqual(heard, [[fromA, { from: { node: 'ü *>', boot: '3' }, text: 'from c' }], [fromA]])
    assert.deepEqual(elsewhere, [])
  })

  test(`${name}: what is sent to a node reaches it alone`, async (t) => {
    const [a, b, c] = await Promise.all([join(t, 'a', '1'), join(t, 'b', '2'), join(t, 'c', '3')])
    const heard = [a, b, c].map((node) => listen(node, 'requests'))
    await settle()
    a.bus.send('b', 'requests', bytes('for b'))
    a.bus.send('nobody', 'requests', bytes('for nobody'))
    await until(() => heard[1]?.length === 1, 'the message at b')
    await settle()
    assert.deepEqual(heard, [[], [{ from: { node: 'a', boot: '1' }, text: 'for b' }], []])
  })

  test(`${name}: messages of one sender and channel keep their order, to all and to one mixed`, async (t) => {
    const [a, b] = await Promise.all([join(t, 'a', '1'), join(t, 'b', '2')])
    const heard = listen(b, 'lanes')
    await settle()
    const sent = Array.from({ length: 2000 }, (_, index) => `${index}`)
    for (const [index, text] of sent.entries()) {
      if (index % 3 === 0) a.bus.broadcast('lanes', bytes(text))
      else a.bus.send('b', 'lanes', bytes(text))
    }
    await until(() => heard.length === sent.length, 'all messages at b')
    assert.deepEqual(
      heard.map(({ text }) => text),
      sent,
    )
  })

  test(`${name}: a payload of the longest length arrives, and an empty one`, async (t) => {
    const [a, b] = await Promise.all([join(t, 'a', '1'), join(t, 'b', '2')])
    const lengths: number[] = []
    b.bus.listen('maps', (_, payload) => lengths.push(payload.length))
    await settle()
    a.bus.broadcast('maps', new Uint8Array(a.bus.payloadBytesMax))
    a.bus.broadcast('maps', new Uint8Array(0))
    await until(() => lengths.length === 2, 'both payloads')
    assert.deepEqual(lengths, [a.bus.payloadBytesMax, 0])
  })

  test(`${name}: a listener that was stopped hears nothing more, the others do`, async (t) => {
    const [a, b] = await Promise.all([join(t, 'a', '1'), join(t, 'b', '2')])
    const heard = listen(b, 'maps')
    const stopped: string[] = []
    const stop = b.bus.listen('maps', (_, payload) => stopped.push(Buffer.from(payload).toString()))
    await settle()
    a.bus.broadcast('maps', bytes('1'))
    await until(() => heard.length === 1 && stopped.length === 1, 'the first message')
    stop()
    stop()
    a.bus.broadcast('maps', bytes('2'))
    await until(() => heard.length === 2, 'the second message')
    assert.deepEqual(stopped, ['1'])
  })

  test(`${name}: registers are the same for every node`, async (t) => {
    const [a, b] = await Promise.all([join(t, 'a', '1'), join(t, 'b', '2')])
    const seen = watch(b, 'k')
    await until(() => seen.events.includes('ready'), 'the beginning')
    const results = await Promise.all([a.registers.write('k', bytes('a'), 0), b.registers.write('k', bytes('b'), 0)])
    assert.deepEqual(results.map(({ type }) => type).toSorted(), ['conflict', 'written'])
    const winner = results[0].type === 'written' ? 'a' : 'b'
    await until(() => seen.known.get('k') === winner, 'the change')
    assert.deepEqual(await a.registers.read('k'), await b.registers.read('k'))
  })

  test(`${name}: a node that starts anew is another sender`, async (t) => {
    const [a, b] = await Promise.all([join(t, 'a', '1'), join(t, 'b', '2')])
    const heard = listen(b, 'members')
    await settle()
    a.bus.broadcast('members', bytes('x'))
    await until(() => heard.length === 1, 'the first life')
    await a.close()
    const again = await join(t, 'a', '4')
    again.bus.broadcast('members', bytes('y'))
    await until(() => heard.length === 2, 'the second life')
    assert.deepEqual(
      heard.map(({ from }) => from.boot),
      ['1', '4'],
    )
  })
}
