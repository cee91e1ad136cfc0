/** No acknowledged message is lost and none of QoS 2 comes twice, at whatever moment the process ends or the disk fails. */
import test from 'node:test'
import fc from 'fast-check'
import { run, step } from './crash-steps.ts'

test('whatever was acknowledged is delivered, QoS 2 once, over crashes, lost connections and a full disk', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 200, size: 'max' }), run), {
    numRuns: Number(process.env['RUNS'] ?? 150),
    interruptAfterTimeLimit: 60_000,
    markInterruptAsFailure: false,
  })
})
