import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lostSince, type LossCounts, LossWatch } from '../../src/metrics/loss-watch.ts'

for (const { when, before, after, lost } of [
  { when: 'nothing was lost', before: { expired: 3 }, after: { expired: 3 }, lost: {} },
  {
    when: 'more of one reason',
    before: { expired: 3, queue_full: 1 },
    after: { expired: 5, queue_full: 1 },
    lost: { expired: 2 },
  },
  { when: 'a new reason', before: {}, after: { queue_full: 4 }, lost: { queue_full: 4 } },
  { when: 'the counts were reset', before: { expired: 30 }, after: { expired: 2 }, lost: { expired: 2 } },
])
  test(`lost since: ${when}`, () => assert.deepEqual(lostSince(before, after), lost))

test('each loss is told once, by place, within one interval; and what is lost at the end too', () => {
  const counts = new Map<string, Record<string, number>>([['broker', { expired: 0 }]])
  const told: object[] = []
  const timers: (() => void)[] = []
  const tick = () => timers.shift()?.()
  const watch = new LossWatch({
    clock: {
      after: (_ms, call) => {
        timers.push(call)
        return { cancel: () => void timers.pop() }
      },
    },
    log: { warn: (fields, event) => told.push({ ...fields, event }) },
    read: (): ReadonlyMap<string, LossCounts> => counts,
  })
  watch.start()
  tick()
  counts.get('broker')!['expired'] = 2
  counts.set('link:eu-west', { queue_full: 7 })
  tick()
  tick()
  counts.get('link:eu-west')!['queue_full'] = 8
  watch.stop()
  assert.deepEqual(told, [
    { where: 'broker', lost: { expired: 2 }, event: 'messages_lost' },
    { where: 'link:eu-west', lost: { queue_full: 7 }, event: 'messages_lost' },
    { where: 'link:eu-west', lost: { queue_full: 1 }, event: 'messages_lost' },
  ])
})
