import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { Queued } from '../../src/broker/sessions/queue.ts'
import { type Unacknowledged, Window } from '../../src/broker/sessions/window.ts'
import { queued } from './queued.ts'

type Entry = { readonly packetId: number; state: 'puback' | 'pubrec' | 'pubcomp'; readonly kept: Queued }

/** The window as a list: slow and plain. */
class Model {
  entries: Entry[] = []

  find(packetId: number, state: Entry['state']): Entry | undefined {
    return this.entries.find((entry) => entry.packetId === packetId && entry.state === state)
  }

  close(packetId: number, state: Entry['state']): boolean {
    const entry = this.find(packetId, state)
    this.entries = this.entries.filter((other) => other !== entry)
    return entry !== undefined
  }

  get unacknowledged(): Unacknowledged[] {
    return this.entries.map(({ packetId, state, kept }) =>
      state === 'pubcomp' ? { type: 'pubrel', packetId } : { type: 'publish', packetId, queued: kept },
    )
  }
}

const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('open' as const), qos: fc.constantFrom(1 as const, 2 as const) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('openAs' as const),
      qos: fc.constantFrom(1 as const, 2 as const),
      // Where those are that `open` is about to give out, or anywhere.
      packetId: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 65_535 })),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('acknowledge', 'receive', 'complete', 'refuse', 'discard'),
      /** Which of the open ones; now and then an identifier that is none of them. */
      which: fc.nat(),
      stray: fc.integer({ min: 0, max: 20 }).map((n) => n === 0),
    }),
  },
)

test('a window does what a list does, through growth and over the end of the identifiers', () => {
  const limit = fc.constantFrom(1, 2, 7, 8, 9, 40)
  fc.assert(
    fc.property(
      limit,
      fc.constantFrom(0, 65_530),
      fc.array(operation, { maxLength: 300 }),
      (limit, used, operations) => {
        const window = new Window(limit)
        // Bring the identifiers near their end.
        for (let i = 0; i < used; i++) window.acknowledge(window.open(1, undefined))
        const model = new Model()
        for (const op of operations) {
          if (op.do === 'open') {
            assert.equal(window.isFull, model.entries.length >= limit)
            if (window.isFull) continue
            const kept = queued('t', { qos: op.qos })
            const packetId = window.open(op.qos, kept)
            assert(packetId >= 1 && packetId <= 65_535)
            assert(!model.entries.some((entry) => entry.packetId === packetId), `identifier ${packetId} is in use`)
            model.entries.push({ packetId, state: op.qos === 1 ? 'puback' : 'pubrec', kept })
          } else if (op.do === 'openAs') {
            if (window.isFull || window.has(op.packetId)) continue
            const kept = queued('t', { qos: op.qos })
            window.openAs(op.packetId, kept)
            model.entries.push({ packetId: op.packetId, state: op.qos === 1 ? 'puback' : 'pubrec', kept })
          } else {
            const packetId = op.stray
              ? (op.which % 65_535) + 1
              : (model.entries[op.which % Math.max(1, model.entries.length)]?.packetId ?? 1)
            if (op.do === 'acknowledge') assert.equal(window.acknowledge(packetId), model.close(packetId, 'puback'))
            else if (op.do === 'complete') assert.equal(window.complete(packetId), model.close(packetId, 'pubcomp'))
            else if (op.do === 'refuse') assert.equal(window.refuse(packetId), model.close(packetId, 'pubrec'))
            else if (op.do === 'receive') {
              const entry = model.find(packetId, 'pubrec') ?? model.find(packetId, 'pubcomp')
              if (entry !== undefined) entry.state = 'pubcomp'
              assert.equal(window.receive(packetId), entry !== undefined)
            } else {
              window.discard(packetId)
              model.entries = model.entries.filter((entry) => entry.packetId !== packetId)
            }
            assert.equal(
              window.has(packetId),
              model.entries.some((entry) => entry.packetId === packetId),
            )
          }
          assert.equal(window.count, model.entries.length)
        }
        assert.deepEqual(window.unacknowledged(), model.unacknowledged)
      },
    ),
    { numRuns: 200 },
  )
})

test('all 65535 identifiers can be in use at once, and each is given once', () => {
  const window = new Window(65_535)
  const ids = new Set<number>()
  while (!window.isFull) ids.add(window.open(2, undefined))
  assert.equal(ids.size, 65_535)
  assert(!ids.has(0) && Math.max(...[...ids].slice(-10)) <= 65_535)
  for (const id of [7, 65_535, 1]) {
    assert.equal(window.refuse(id), true)
    assert.equal(window.open(1, undefined), id)
    assert.equal(window.isFull, true)
  }
})

test('what is not kept is not sent again', () => {
  const window = new Window(10)
  window.open(1, undefined)
  const kept = queued('t', { qos: 1 })
  const packetId = window.open(1, kept)
  assert.deepEqual(window.unacknowledged(), [{ type: 'publish', packetId, queued: kept }])
})
