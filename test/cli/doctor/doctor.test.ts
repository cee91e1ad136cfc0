import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { CommandFailure } from '../../../src/cli/command-failure.ts'
import { doctor } from '../../../src/cli/doctor/doctor.ts'
import { reportLines } from '../../../src/cli/doctor/report-lines.ts'
import { freePort } from '../../../src/cli/demo/free-ports.ts'
import { linked, putLink, startSide } from '../../e2e/doctor/examined.ts'

const step = (status: string, title: string, more: object = {}) => ({
  step: title,
  title,
  status,
  detail: `of ${title}`,
  ms: 1,
  ...more,
})

test('what is broken stands at the end, with what to change', () => {
  const report = {
    ok: false,
    node: 'a1',
    speaker: 'a2',
    steps: [
      step('ok', 'TCP'),
      step('failed', 'CONNECT', { detail: '0x86\u0007', remedy: 'set password' }),
      step('skipped', 'Clocks', { detail: 'not looked at: an earlier step is broken' }),
    ],
  }
  assert.deepEqual(reportLines('eu', report, false), [
    'ok      TCP      of TCP',
    'FAILED  CONNECT  0x86\\u{7}',
    '-       Clocks',
    '',
    'The link eu is broken.',
    'CONNECT: 0x86\\u{7}',
    '  what to change: set password',
    'Asked was a1; a2 speaks to the peer for the cluster.',
  ])
})

test('warnings are told as well, and a link that is well is said to be', () => {
  const lines = reportLines('eu', { ok: true, steps: [step('warning', 'Outbox', { remedy: 'more room' })] }, false)
  assert.deepEqual(lines.slice(2), [
    'The link eu works, with 1 warning.',
    'Outbox: of Outbox',
    '  what to change: more room',
  ])
  assert.equal(reportLines('eu', { ok: true, steps: [step('ok', 'TCP')] }, false).at(-1), 'The link eu is well.')
  assert.ok(reportLines('eu', { ok: true, steps: [step('ok', 'TCP')] }, true)[0]?.startsWith('\u001B[32mok'))
})

test('the command asks a node: exit code 0 for a link that is well, 1 for one that is broken, as lines and as JSON', async (t) => {
  const [a, b] = await Promise.all([startSide(t, 'cl-a'), startSide(t, 'cl-b')])
  await putLink(a, 'cl-b', { server: `127.0.0.1:${b.port}`, topics: [] })
  await putLink(b, 'cl-a', { server: `127.0.0.1:${a.port}`, topics: [] })
  await putLink(a, 'gone', { server: `127.0.0.1:${await freePort()}`, topics: [] })
  await linked(a, b)
  const run = async (link: string, more: { topic?: string; json?: boolean } = {}) => {
    let text = ''
    const out = { write: (written: string) => (text += written) }
    const terminal = { out, complaints: out, input: Readable.from([]), env: {} }
    const node = { config: undefined, url: undefined, 'api-key': undefined, 'api-secret': undefined, cacert: undefined }
    const options = { ...node, 'data-dir': a.dataDir, json: more.json ?? false, topic: more.topic }
    return { code: await doctor(link, options, terminal), text }
  }
  const well = await run('cl-b')
  assert.equal(well.code, 0, well.text)
  assert.match(well.text, /ok +CONNECT +the peer took our CONNECT[^]*The link cl-b is well\.\n$/)
  const missed = await run('cl-b', { topic: 't/1' })
  assert.equal(missed.code, 1)
  assert.match(missed.text, /FAILED +t\/1 to the peer[^]*the topic would not cross it[^]*what to change: add t\/1/)
  const broken = await run('gone', { json: true })
  assert.equal(broken.code, 1)
  const report: unknown = JSON.parse(broken.text)
  assert.ok(typeof report === 'object' && report !== null && 'ok' in report && report.ok === false)
  await assert.rejects(
    run('none'),
    (error) => error instanceof CommandFailure && /Cluster link not found/.test(error.message),
  )
})
