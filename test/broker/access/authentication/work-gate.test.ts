import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WorkGate } from '../../../../src/broker/access/authentication/work-gate.ts'
import { attempt, Latch } from './credentials.ts'

/** Work that ends when it is told to. */
function job(): { readonly work: () => Promise<string>; readonly end: () => void; readonly hasBegun: () => boolean } {
  const latch = new Latch<string>()
  let begun = false
  return {
    work: () => {
      begun = true
      return latch.promise
    },
    end: () => latch.open('done'),
    hasBegun: () => begun,
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('so many at one time, the next when one ends, and no more in the line than it holds', async () => {
  const gate = new WorkGate(2, 1)
  const jobs = [job(), job(), job(), job()]
  const turns = jobs.map(({ work }) => gate.run(attempt(), work))
  await settled()
  assert.deepEqual(
    jobs.map(({ hasBegun }) => hasBegun()),
    [true, true, false, false],
  )
  assert.deepEqual(await turns[3], { type: 'busy' })
  jobs[0]?.end()
  assert.deepEqual(await turns[0], { type: 'done', value: 'done' })
  await settled()
  assert.equal(jobs[2]?.hasBegun(), true)
  jobs[1]?.end()
  jobs[2]?.end()
  assert.deepEqual(await Promise.all([turns[1], turns[2]]), [
    { type: 'done', value: 'done' },
    { type: 'done', value: 'done' },
  ])
})

test('who was shut out or has gone meanwhile is passed over', async () => {
  const gate = new WorkGate(1, 2)
  const [first, second, third] = [job(), job(), job()]
  let isWelcome = true
  const gone = new AbortController()
  const turns = [
    gate.run(attempt(), first.work),
    gate.run(attempt({ isWelcome: () => isWelcome }), second.work),
    gate.run(attempt({ signal: gone.signal }), third.work),
  ]
  isWelcome = false
  gone.abort()
  first.end()
  assert.deepEqual(
    (await Promise.all(turns)).map(({ type }) => type),
    ['done', 'unwelcome', 'unwelcome'],
  )
  assert.deepEqual([second.hasBegun(), third.hasBegun()], [false, false])
  assert.deepEqual((await gate.run(attempt({ isWelcome: () => false }), job().work)).type, 'unwelcome')
})

test('those who have gone make room in a full line', async () => {
  const gate = new WorkGate(1, 1)
  const [first, second, third] = [job(), job(), job()]
  const gone = new AbortController()
  const turns = [gate.run(attempt(), first.work), gate.run(attempt({ signal: gone.signal }), second.work)]
  gone.abort()
  turns.push(gate.run(attempt(), third.work))
  assert.equal((await turns[1])?.type, 'unwelcome')
  first.end()
  third.end()
  assert.equal((await turns[2])?.type, 'done')
})

test('work that fails gives its place back', async () => {
  const gate = new WorkGate(1, 0)
  await assert.rejects(
    gate.run(attempt(), () => Promise.reject(new Error('no'))),
    /no/,
  )
  assert.deepEqual(await gate.run(attempt(), () => Promise.resolve(1)), { type: 'done', value: 1 })
})

test('whatever comes and goes: never more at work than allowed, and everybody gets an answer', async () => {
  const visitor = fc.record({ turns: fc.nat(3), leaves: fc.boolean(), fails: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.nat(3),
      fc.array(visitor, { maxLength: 12 }),
      async (concurrency, waitingMax, visitors) => {
        const gate = new WorkGate(concurrency, waitingMax)
        let running = 0
        let highest = 0
        const turns = visitors.map(async ({ turns: length, leaves, fails }) => {
          const gone = new AbortController()
          const turn = gate.run(attempt({ signal: gone.signal }), async () => {
            highest = Math.max(highest, ++running)
            for (let left = length; left > 0; left--) await Promise.resolve()
            running--
            if (fails) throw new Error('failed')
          })
          if (leaves) gone.abort()
          return turn.then(
            ({ type }) => type,
            () => 'failed',
          )
        })
        const answers = await Promise.all(turns)
        assert.ok(highest <= concurrency && running === 0)
        assert.ok(
          answers.filter((answer) => answer === 'busy').length <=
            Math.max(0, visitors.length - concurrency - waitingMax),
        )
        // Nothing of all that is left behind.
        assert.equal((await gate.run(attempt(), () => Promise.resolve())).type, 'done')
      },
    ),
  )
})
