/** No acknowledged message is lost and none of QoS 2 comes twice, at whatever moment the process ends or the disk fails. */
import test from 'node:test'
import fc from 'fast-check'
import { run, type Step, step } from './crash-steps.ts'

/** PUBREL comes twice, because the disk was full the first time, and the process ends right after the second. */
const repeatedRelease: Step[] = [
  { do: 'publish', who: 0, qos: 2 },
  { do: 'toServer', who: 0 },
  { do: 'turn' },
  { do: 'commit' },
  { do: 'turn' },
  { do: 'toClient', who: 0 },
  { do: 'toServer', who: 0 },
  { do: 'turn' },
  { do: 'disk', isFull: true },
  { do: 'commit' },
  { do: 'connect', who: 0 },
  { do: 'toServer', who: 0 },
  { do: 'turn' },
  { do: 'toClient', who: 0 },
  { do: 'toServer', who: 0 },
  { do: 'turn' },
  { do: 'toServer', who: 0 },
  { do: 'toClient', who: 0 },
  { do: 'publish', who: 0, qos: 1 },
  { do: 'commit' },
  { do: 'toServer', who: 0 },
  { do: 'toClient', who: 0 },
  { do: 'publish', who: 0, qos: 1 },
  { do: 'commit' },
  { do: 'commit' },
  { do: 'time' },
  { do: 'toClient', who: 0 },
  { do: 'toClient', who: 0 },
  { do: 'toServer', who: 0 },
  { do: 'commit' },
  { do: 'turn' },
  { do: 'commit' },
  { do: 'connect', who: 0 },
  { do: 'turn' },
  { do: 'toServer', who: 0 },
  { do: 'crash' },
]

test('whatever was acknowledged is delivered, QoS 2 once, over crashes, lost connections and a full disk', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 200, size: 'max' }), run), {
    numRuns: Number(process.env['RUNS'] ?? 150),
    interruptAfterTimeLimit: 60_000,
    markInterruptAsFailure: false,
    examples: [[repeatedRelease]],
  })
})
