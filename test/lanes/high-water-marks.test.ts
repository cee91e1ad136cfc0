import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HighWaterMarks, SenderMarks } from '../../src/lanes/high-water-marks.ts'

test('each batch is new once, and gaps are fine', () => {
  const marks = new SenderMarks()
  const verdicts = [1, 5, 5, 3, 6, 1, 7].map((sequence) => {
    const verdict = marks.judge(9, 0, sequence, false)
    marks.take(9, 0, sequence, false)
    return verdict
  })
  assert.deepEqual(verdicts, ['new', 'new', 'duplicate', 'duplicate', 'new', 'duplicate', 'new'])
})

test('lanes and epochs are apart', () => {
  const marks = new SenderMarks()
  marks.take(9, 0, 5, false)
  for (const [epoch, lane, verdict] of [
    [9, 0, 'duplicate'],
    [9, 1, 'new'],
    [8, 0, 'new'],
  ] as const)
    assert.equal(marks.judge(epoch, lane, 5, false), verdict)
})

test('what was sent before, over a lane that nobody knows, is doubtful until something comes that was not', () => {
  const marks = new SenderMarks()
  assert.equal(marks.judge(9, 0, 4, true), 'doubtful')
  marks.take(9, 0, 4, true)
  assert.equal(marks.judge(9, 0, 5, true), 'doubtful')
  marks.take(9, 0, 6, false)
  assert.equal(marks.judge(9, 0, 7, true), 'new')
  marks.doubt()
  assert.equal(marks.judge(9, 0, 7, true), 'doubtful')
  assert.equal(marks.judge(9, 0, 7, false), 'new')
  assert.equal(marks.judge(9, 0, 6, true), 'duplicate')
})

test('a lane that brought nothing yet is as sure as the other one of its epoch', () => {
  const marks = new SenderMarks()
  marks.take(9, 0, 4, true)
  assert.equal(marks.judge(9, 1, 1, true), 'doubtful')
  marks.take(9, 1, 2, true)
  marks.take(9, 0, 5, false)
  assert.equal(marks.judge(9, 1, 3, true), 'new')
  assert.equal(marks.judge(8, 1, 3, true), 'doubtful')
  marks.take(8, 0, 1, false)
  assert.equal(marks.judge(8, 1, 3, true), 'new')
  marks.doubt()
  assert.equal(marks.judge(8, 1, 3, true), 'doubtful')
})

test('a lane whose first batches were on their way before is as sure from then on as the other one', () => {
  const marks = new SenderMarks()
  marks.take(9, 0, 4, false)
  assert.equal(marks.judge(9, 1, 1, true), 'new')
  marks.take(9, 1, 1, true)
  assert.equal(marks.judge(9, 1, 2, true), 'new')
  assert.equal(marks.judge(9, 0, 5, true), 'new')
  const other = new SenderMarks()
  other.merge(marks.snapshot())
  assert.equal(other.judge(9, 1, 2, true), 'new')
  assert.equal(other.judge(9, 0, 5, true), 'new')
})

test('of an epoch that was never used nothing is doubtful, until another node may have had it', () => {
  const marks = new SenderMarks()
  marks.opens(9)
  assert.equal(marks.judge(9, 1, 1, true), 'new')
  assert.equal(marks.judge(9, 0, 1, true), 'new')
  const other = new SenderMarks()
  other.merge(marks.snapshot())
  assert.equal(other.judge(9, 0, 1, true), 'new')
  other.take(9, 0, 1, true)
  marks.merge(other.snapshot())
  marks.opens(9)
  assert.equal(marks.judge(9, 0, 1, true), 'duplicate')
  marks.doubt()
  marks.opens(9)
  assert.equal(marks.judge(9, 0, 2, true), 'doubtful')
})

test('of what two nodes know the higher one counts, and is as sure as who told it', () => {
  const marks = new SenderMarks()
  marks.take(9, 0, 5, false)
  marks.merge([
    { epoch: 9, lane: 0, sequence: 3, isSure: false },
    { epoch: 9, lane: 1, sequence: 8, isSure: false },
  ])
  assert.equal(marks.judge(9, 0, 6, true), 'new')
  assert.equal(marks.judge(9, 1, 8, true), 'duplicate')
  assert.equal(marks.judge(9, 1, 9, true), 'doubtful')
  marks.merge([{ epoch: 9, lane: 0, sequence: 7, isSure: false }])
  assert.equal(marks.judge(9, 0, 7, true), 'duplicate')
  assert.equal(marks.judge(9, 0, 8, true), 'doubtful')
})

test('of very many lanes those that were used last are remembered', () => {
  const marks = new SenderMarks()
  for (let epoch = 1; epoch <= 1_000; epoch += 1) {
    marks.take(epoch, 0, 1, false)
    marks.take(0, 0, epoch, false)
  }
  assert.equal(marks.snapshot().length, 64)
  assert.equal(marks.judge(0, 0, 1_000, false), 'duplicate')
  assert.equal(marks.judge(1_000, 0, 1, false), 'duplicate')
  assert.equal(marks.judge(1, 0, 1, false), 'new')
})

test('of very many nodes those that came last are remembered', () => {
  const all = new HighWaterMarks()
  all.of('first').take(1, 0, 1, false)
  for (let i = 0; i < 255; i += 1) all.of(`n${i}`)
  assert.equal(all.of('first').judge(1, 0, 1, false), 'duplicate')
  for (let i = 0; i < 256; i += 1) all.of(`n${i}`)
  assert.equal(all.peek('first'), undefined)
  assert.equal(all.of('first').judge(1, 0, 1, false), 'new')
})

/**
 * What a sender does: its numbers grow, and after each cut it sends again all from some batch on, perhaps to another receiver; what was
 * lost on its way is among it.
 */
const moves = fc.array(
  fc.record({
    lane: fc.nat(1),
    gap: fc.nat(3),
    isLost: fc.boolean(),
    cut: fc.option(fc.record({ back: fc.nat(6), to: fc.nat(2) })),
  }),
  { maxLength: 60 },
)

test('however a sender moves between nodes that tell each other their marks, each batch is taken once, and nobody doubts', () => {
  fc.assert(
    fc.property(moves, (steps) => {
      const receivers = [new SenderMarks(), new SenderMarks(), new SenderMarks()]
      const sent: { readonly lane: number; readonly sequence: number }[] = []
      const taken = new Set<string>()
      const last = [0, 0]
      let at = 0
      /** How many of those that were sent last were lost. */
      let lost = 0
      const bring = ({ lane, sequence }: (typeof sent)[number], isResent: boolean): void => {
        const marks = receivers[at]!
        const verdict = marks.judge(1, lane, sequence, isResent)
        const key = `${lane}/${sequence}`
        if (verdict === 'duplicate') return
        assert.ok(!taken.has(key), `${key} is ${verdict} again`)
        assert.equal(verdict, 'new', key)
        taken.add(key)
        marks.take(1, lane, sequence, isResent)
      }
      const move = (back: number, to: number): void => {
        at = to
        for (const [i, other] of receivers.entries()) if (i !== at) receivers[at]!.merge(other.snapshot())
        for (const again of sent.slice(-Math.max(back + 1, lost))) bring(again, true)
        lost = 0
      }
      // Before anything of it came, a node that is gone may have taken all.
      const [first, ...more] = steps
      for (const { lane, gap, isLost, cut } of first === undefined ? [] : [{ ...first, isLost: false }, ...more]) {
        last[lane]! += 1 + gap
        const batch = { lane, sequence: last[lane]! }
        sent.push(batch)
        // After one that was lost nothing comes over the same connection.
        if (lost > 0 || isLost) lost += 1
        else bring(batch, false)
        if (cut !== null) move(cut.back, cut.to)
      }
      if (lost > 0) move(0, 0)
      assert.equal(taken.size, sent.length)
    }),
  )
})
