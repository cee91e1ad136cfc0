import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { Tail } from '../../src/api/live/tail.ts'
import { ComponentLog, type LogLine } from '../../src/node/component-log.ts'

function piped(level: string) {
  const lines: { event: string; level: number }[] = []
  const write = (text: string): void => {
    // Pino wrote it.
    const { msg, level: rank } = JSON.parse(text) as { msg: string; level: number }
    lines.push({ event: msg, level: rank })
  }
  const sink = pino({ level, base: null }, { write })
  return { sink, events: () => lines.splice(0).map(({ event }) => event) }
}

test('a part may say more, or less, than the rest', () => {
  const { sink, events } = piped('info')
  const log = new ComponentLog(sink, { link: 'debug', broker: 'error' }, () => 0)
  for (const component of ['link', 'broker', 'api'] as const) {
    log.of(component).debug({}, `${component}_debug`)
    log.of(component).info({}, `${component}_info`)
    log.of(component).error({}, `${component}_error`)
  }
  assert.deepEqual(events(), ['link_debug', 'link_info', 'link_error', 'broker_error', 'api_info', 'api_error'])
})

test('levels change while it runs, whoever changes them; the file counts again when it is read', () => {
  const { sink, events } = piped('info')
  const log = new ComponentLog(sink, {}, () => 0)
  const link = log.of('link')
  log.setLevel('link', 'debug')
  link.debug({}, 'one')
  log.setLevel('link', undefined)
  link.debug({}, 'two')
  sink.level = 'debug'
  link.debug({}, 'three')
  log.level = 'warn'
  link.info({}, 'four')
  assert.deepEqual([events(), sink.level, log.levels['link']], [['one', 'three'], 'warn', 'warn'])
  log.setLevel('link', 'silent')
  log.configure({ api: 'error' })
  assert.deepEqual([log.levels['link'], log.levels['api']], ['warn', 'error'])
})

test('the last lines that were written are remembered: short, and as they were then', () => {
  const { sink } = piped('info')
  const log = new ComponentLog(sink, {}, () => 1_000)
  log.tail = new Tail<LogLine>(2, 1)
  const fields = { link: 'eu', err: Object.assign(new Error('no'), { code: 'E_NO' }), count: 2n }
  log.of('link').debug({}, 'not_written')
  log.of('link').info({}, 'forgotten')
  log.of('link').info(fields, 'failed')
  fields.link = 'us'
  log.of('api').warn({ text: 'x'.repeat(10_000) }, 'long')
  const [first, second] = log.tail.last(10)
  assert.deepEqual(first, {
    at: '1970-01-01T00:00:01.000Z',
    level: 'info',
    component: 'link',
    event: 'failed',
    fields: { link: 'eu', err: { name: 'Error', message: 'no', code: 'E_NO' }, count: '2' },
  })
  assert.ok(second?.event === 'long' && JSON.stringify(second).length < 3_000)
})

test('what can’t be told as JSON is said to be so, and is no harm', () => {
  const { sink, events } = piped('info')
  const log = new ComponentLog(sink, {}, () => 0)
  log.tail = new Tail<LogLine>(2, 1)
  const fields: { self?: object } = {}
  fields.self = fields
  log.of('api').info(fields, 'circular')
  assert.deepEqual(events(), ['circular'])
  assert.match(JSON.stringify(log.tail.last(1)), /unreadable/)
})
