import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkReport } from '../../src/config/check-report.ts'
import { parseConfig } from '../../src/config/parse-config.ts'
import { example } from './texts.ts'

async function report(text: string) {
  return checkReport(await parseConfig(text, { file: 'f.conf', env: {}, baseDir: '/conf' }), 'f.conf')
}

test('a good file is told with what it makes', async () => {
  assert.deepEqual(await report(example), {
    exitCode: 0,
    text: `f.conf: good
  node: a1@127.0.0.1
  cluster: us-east
  link eu-west: 127.0.0.1:2883, wants global/#, cluster/+/status
  listener tcp:default: 127.0.0.1:1883
`,
  })
})

test('links that only send, many filters and what is switched off are told as such', async () => {
  const { text } = await report(`cluster.name = a
cluster.links = [
  { name = b, server = h, topics = [], enable = false }
  { name = c, server = h, topics = [1a, 2a, 3a, 4a, 5a, 6a] }
]
listeners.tcp.default.enable = false`)
  assert.match(text, /link b: h, wants nothing \(sends only\) \(disabled\)\n/)
  assert.match(text, /link c: h, wants 6 filters\n/)
  assert.match(text, /listener tcp:default: 0\.0\.0\.0:1883 \(disabled\)\n/)
})

test('a bad file is told with all its errors and exit code 2', async () => {
  assert.deepEqual(await report('log.lvel = info\nnode.name = x'), {
    exitCode: 2,
    text: `f.conf:1: log.lvel: unknown key; did you mean "level"? allowed here: level, levels (unknown_key)
f.conf:2: node.name: got "x"; expected name@host, such as "a1@127.0.0.1" (bad_name)
f.conf: 2 errors
`,
  })
  assert.match((await report('a')).text, /f\.conf: 1 error\n$/)
})
