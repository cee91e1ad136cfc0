import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SystemTopic } from '../../../src/broker/system-port.ts'
import { type Condition, linkAlarmName } from '../../../src/metrics/alarms/alarm.ts'
import { AlarmWatch } from '../../../src/metrics/alarms/alarm-watch.ts'
import { ManualClock } from '../../broker/manual-clock.ts'

test('alarms are told in the log and under $SYS as EMQX tells them, by time alone', () => {
  const clock = new ManualClock()
  const wrong = new Set<Condition>()
  const lines: string[] = []
  const published: SystemTopic[] = []
  const log = (level: string) => (fields: object, event: string) =>
    void lines.push(`${level} ${event} ${'name' in fields ? String(fields.name) : ''}`)
  const watch = new AlarmWatch(
    {
      node: 'a1@h',
      clock,
      log: { info: log('info'), warn: log('warn'), error: log('error') },
      conditions: () => wrong,
      publish: (topic) => void published.push(topic),
    },
    { size_limit: 10, validity_period: 60_000 },
  )
  watch.start()
  const name = linkAlarmName('link_down', 'eu')
  const down: Condition = { kind: 'link_down', name, link: 'eu', reason: 'away', message: 'resource down: away' }
  wrong.add(down)
  clock.advance(1_000)
  wrong.delete(down)
  clock.advance(29_000)
  assert.equal(watch.active().length, 1)
  clock.advance(2_000)
  assert.equal(watch.active().length, 0)
  assert.deepEqual(lines, [`warn alarm_is_activated ${name}`, `info alarm_is_deactivated ${name}`])
  assert.deepEqual(
    published.map(({ topic }) => topic),
    ['$SYS/brokers/a1@h/alarms/activate', '$SYS/brokers/a1@h/alarms/deactivate'],
  )
  const activateAt = (Date.UTC(2026, 0, 1) + 1_000) * 1_000
  const details = { resource_id: name, reason: 'resource_down' }
  assert.deepEqual(
    published.map(({ payload }): unknown => JSON.parse(payload)),
    [
      { name, details, message: down.message, activate_at: activateAt, deactivate_at: 'infinity', activated: true },
      {
        name,
        details,
        message: down.message,
        activate_at: activateAt,
        deactivate_at: activateAt + 30_000_000,
        activated: false,
      },
    ],
  )
  assert.equal(watch.past().length, 1)
  clock.advance(70_000)
  assert.equal(watch.past().length, 0)
  watch.stop()
  wrong.add(down)
  clock.advance(10_000)
  assert.equal(watch.active().length, 0)
})
