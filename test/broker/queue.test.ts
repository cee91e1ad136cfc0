import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MessageQueue, type Queued } from '../../src/broker/sessions/queue.ts'
import { queued } from './queued.ts'

test('a queue does what an array does', () => {
  const operation = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('push 0', 'push 1', 'push 2') },
    { weight: 2, arbitrary: fc.constantFrom('shift', 'shift 0') },
    { weight: 1, arbitrary: fc.constantFrom('keep all but QoS 2') },
  )
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const queue = new MessageQueue()
      let model: Queued[] = []
      for (const op of operations) {
        if (op.startsWith('push')) {
          const one = queued('t', { qos: Number(op.slice(5)) as 0 | 1 | 2 })
          queue.push(one)
          model.push(one)
        } else if (op.startsWith('keep')) {
          queue.keep(({ qos }) => qos !== 2)
          model = model.filter(({ qos }) => qos !== 2)
        } else {
          const first = op === 'shift' ? model[0] : model.find(({ qos }) => qos === 0)
          assert.equal(op === 'shift' ? queue.shift() : queue.shiftQos0(), first)
          model = model.filter((one) => one !== first)
        }
        assert.equal(queue.length, model.length)
        assert.equal(queue.qos0Length, model.filter(({ qos }) => qos === 0).length)
      }
      assert.deepEqual(new Set(queue), new Set(model))
      while (model.length > 0) assert.equal(queue.shift(), model.shift())
      assert.equal(queue.shift(), undefined)
    }),
  )
})
