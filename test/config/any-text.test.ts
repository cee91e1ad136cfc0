import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseConfig } from '../../src/config/parse-config.ts'
import { example, readFile } from './texts.ts'

const secret = 'hunter2hunter2'
const rich = `${example}
cluster.links += { name = "third", server = "mqtts://h:8883,[::1]:1", username = "u", password = "${secret}", topics = []
  ssl { verify = verify_peer, server_name_indication = disable }
  resource_opts { request_ttl = infinity, max_buffer_bytes = 1GB } }
mqtt { max_packet_size = 2MB, server_keepalive = 60, idle_timeout = \${?T} }
log.level = \${LEVEL}
include "more.conf"
`

function readMore(path: string): string {
  return path === '/conf/more.conf' ? 'mqtt.max_inflight = 3\n' : readFile(path)
}

async function judge(text: string): Promise<void> {
  const result = await parseConfig(text, { file: 'f', env: { LEVEL: 'warn' }, baseDir: '/conf', readFile: readMore })
  const said = result.type === 'ok' ? result.warnings : result.errors
  if (result.type === 'invalid') assert.ok(said.length > 0)
  for (const one of said) {
    assert.notEqual(one.message, '')
    assert.ok(
      one.line === undefined || (one.line >= 1 && one.line <= text.split(/\r\n?|\n/).length),
      `line ${one.line}`,
    )
    assert.ok(!JSON.stringify(one).includes(secret), JSON.stringify(one))
  }
}

test('a text of any characters is read or refused with words, and never more than that', async () => {
  const tokens =
    'a|cluster|links|name|.|=|:|{|}|[|]|,|\n| |${a}|${?b}|${b.c}|"x"|1|+=|#c\n|"|"""|//|${|$|\\|include |"more.conf"|true|-|\t|\r\n|é|\0'
  const token = fc.constantFrom('|', '\ud800', ...tokens.split('|'))
  const soup = fc.oneof(
    fc.array(token, { maxLength: 40 }).map((tokens) => tokens.join('')),
    fc.string({ unit: 'binary' }),
  )
  await fc.assert(fc.asyncProperty(soup, judge), { numRuns: 1000 })
})

test('a good text with slips of the pen is read or refused with words, and its password is never told', async () => {
  const edit = fc.tuple(
    fc.nat(),
    fc.nat({ max: 3 }),
    fc.constantFrom('', '"', '{', '}', '[', ']', '=', ',', '\n', '#', '$', '1', 'x', ' ', '.', '${'),
  )
  const slips = fc.array(edit, { minLength: 1, maxLength: 3 }).map((edits) =>
    edits.reduce((text, [at, cut, put]) => {
      const from = at % text.length
      return text.slice(0, from) + put + text.slice(from + cut)
    }, rich),
  )
  await judge(rich)
  await fc.assert(fc.asyncProperty(slips, judge), { numRuns: 300 })
})
