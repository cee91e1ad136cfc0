import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { findNatsServer } from '../../src/cli/demo/nats-server.ts'

test('where nats-server is missing, the error says how to get it on Debian and on macOS', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-test-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  assert.throws(
    () => findNatsServer([directory]),
    /not installed[\s\S]*apt-get install nats-server[\s\S]*brew install nats-server/,
  )
  const program = join(directory, 'nats-server')
  writeFileSync(program, '')
  assert.throws(() => findNatsServer([directory]), /not installed/, 'a file that cannot be run is no program')
  chmodSync(program, 0o755)
  assert.equal(findNatsServer(['/nowhere', directory]), program)
})
