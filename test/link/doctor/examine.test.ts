import assert from 'node:assert/strict'
import { test } from 'node:test'
import { doctorTimes, examine, type Stage } from '../../../src/link/doctor/examine.ts'
import { broken, fine, type Finding } from '../../../src/link/doctor/finding.ts'
import { ManualClock } from '../manual-clock.ts'

const one = (step: string, look: () => Finding | Promise<Finding>): Stage => [{ step, title: step, look }]
const never = (): Promise<Finding> => new Promise(() => undefined)

test('what stands behind a broken step is not looked at; what stands beside it is', async () => {
  const seen: string[] = []
  const look = (name: string, finding: Finding) => () => {
    seen.push(name)
    return finding
  }
  const report = await examine(
    [
      one('a', look('a', fine('good'))),
      [...one('b', look('b', broken('bad', 'mend it'))), ...one('c', look('c', fine('good')))],
      one('d', look('d', fine('good'))),
    ],
    { clock: new ManualClock(), ...doctorTimes },
  )
  assert.deepEqual(seen, ['a', 'b', 'c'])
  assert.equal(report.ok, false)
  assert.deepEqual(
    report.steps.map(({ step, status }) => `${step} ${status}`),
    ['a ok', 'b failed', 'c ok', 'd skipped'],
  )
})

test('a step that takes too long is broken after its time, and one that throws says so', async () => {
  const clock = new ManualClock()
  const slow = examine([one('slow', never)], { clock, ...doctorTimes })
  clock.advance(doctorTimes.stepMs)
  const [step] = (await slow).steps
  assert.deepEqual([step?.status, step?.ms], ['failed', doctorTimes.stepMs])
  assert.match(step?.detail ?? '', /not known after 5 s/)
  const thrown = await examine([one('wild', () => Promise.reject(new Error('oops')))], { clock, ...doctorTimes })
  assert.match(thrown.steps[0]?.detail ?? '', /oops/)
})

test('all steps together have their time', async () => {
  const clock = new ManualClock()
  const takesFour = () => {
    clock.advance(4_000)
    return fine('late')
  }
  const stages = Array.from({ length: 6 }, (_, index) => one(`s${index}`, takesFour))
  const report = await examine(stages, { clock, ...doctorTimes })
  assert.deepEqual(
    report.steps.map(({ status }) => status),
    ['ok', 'ok', 'ok', 'ok', 'ok', 'failed'],
  )
})
