/**
 * Three minutes of a soak with a light load, beside the other tests: nothing grows, and nothing is lost. ISTHMUS_TEST_SOAK_MINUTES:
 * less, or more; ISTHMUS_TEST_SOAK_SEED: other faults. `npm run soak` looks closer, and for longer.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import { soak } from '../../scripts/soak/soak.ts'
import { soakLines } from '../../scripts/soak/table.ts'

const minutes = Number(process.env['ISTHMUS_TEST_SOAK_MINUTES'] ?? 3)
const seed = Number(process.env['ISTHMUS_TEST_SOAK_SEED'] ?? 20261122)

test(`a soak of ${minutes} minutes, seed ${seed}: flat, and nothing lost`, async (t) => {
  const say = (line: string): void => t.diagnostic(line)
  const result = await soak({ minutes, seed, perSecond: 6, churnPerSecond: 0.5, isBeside: true, say })
  soakLines(result).forEach(say)
  assert.deepEqual(result.failures, [])
  assert.ok(result.messages.delivered > 0 && result.slopes.length > 0 && result.healingMs.length > 0)
})
