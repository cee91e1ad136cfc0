/**
 * A quarter of a minute for each target, all at once and behind everything else, from a seed that stands here: a change is to fail by what
 * it did. New ground is for `npm run fuzz`, or another ISTHMUS_FUZZ_SEED; what is found is told with the command that shows it again.
 * A turn may take twice the time that it may take there, for a machine half as fast. ISTHMUS_FUZZ_SECONDS: less, or more.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, setPriority } from 'node:os'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { targets } from './targets.ts'

const seconds = process.env['ISTHMUS_FUZZ_SECONDS'] ?? '15'
const seed = process.env['ISTHMUS_FUZZ_SEED'] ?? '20261122'
const env = { ISTHMUS_FUZZ_STALL_MS: '40', ...process.env }
const script = fileURLToPath(new URL('../../scripts/fuzz.js', import.meta.url))

describe(`fuzzed for ${seconds} s, seed ${seed}`, { concurrency: targets.length }, () => {
  for (const { name } of targets) {
    test(name, async (t) => {
      const args = ['--enable-source-maps', script, '--target', name, '--seconds', seconds, '--seed', seed]
      const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'], signal: t.signal })
      if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL)
      const [said, complaint, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
      assert.equal(code, 0, said + complaint)
      assert.match(said, /: nothing found in \d+ inputs/)
      t.diagnostic(said.trim())
    })
  }
})
