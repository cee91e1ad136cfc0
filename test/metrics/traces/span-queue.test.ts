import assert from 'node:assert/strict'
import test from 'node:test'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base'
import { SpanQueue } from '../../../src/metrics/traces/span-queue.ts'
import { tracesUrl } from '../../../src/metrics/traces/open-traces.ts'
import { ManualClock } from '../../broker/manual-clock.ts'

type Done = Parameters<SpanExporter['export']>[1]

function stage(queueSize: number) {
  const clock = new ManualClock()
  const lists: { readonly count: number; readonly done: Done }[] = []
  const events: string[] = []
  const note = (_: object, event: string): void => void events.push(event)
  const log = { debug: note, info: note, warn: note, error: note }
  const exporter: SpanExporter = {
    export: (spans, done) => void lists.push({ count: spans.length, done }),
    shutdown: () => Promise.resolve(),
  }
  const queue = new SpanQueue(exporter, { max_queue_size: queueSize, scheduled_delay: 5_000 }, clock, log)
  const span = {} as ReadableSpan
  const add = (count: number): void => {
    for (let i = 0; i < count; i++) queue.onEnd(span)
  }
  return { clock, lists, events, queue, add }
}

/** What promises lead to. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('spans wait for others, and are sent together', () => {
  const { clock, lists, add } = stage(2_048)
  add(3)
  clock.advance(4_999)
  assert.equal(lists.length, 0)
  clock.advance(1)
  assert.deepEqual(
    lists.map(({ count }) => count),
    [3],
  )
})

test('while the collector is slow one list is under way, the queue stays bounded, and what is above it is counted', async () => {
  const { clock, lists, queue, add } = stage(1_000)
  add(512)
  assert.deepEqual(
    lists.map(({ count }) => count),
    [512],
  )
  add(1_500)
  clock.advance(60_000)
  assert.deepEqual([lists.length, queue.counts.dropped], [1, 500])
  lists[0]!.done({ code: 0 })
  await settled()
  lists[1]!.done({ code: 0 })
  await settled()
  lists[2]!.done({ code: 0 })
  await settled()
  assert.deepEqual(
    lists.map(({ count }) => count),
    [512, 512, 488],
  )
  assert.deepEqual(queue.counts, { exported: 1_512, dropped: 500, failed: 0 })
})

test('a collector that fails is told once, and once that it is back', async () => {
  const { clock, lists, events, queue, add } = stage(100)
  for (const code of [1, 1, 0, 0]) {
    add(2)
    clock.advance(5_000)
    lists.at(-1)!.done(code === 0 ? { code } : { code, error: new Error('away') })
    await settled()
  }
  assert.deepEqual(events, ['traces_export_failed', 'traces_export_recovered'])
  assert.deepEqual(queue.counts, { exported: 4, dropped: 0, failed: 4 })
})

for (const [endpoint, url] of [
  ['http://127.0.0.1:4318', 'http://127.0.0.1:4318/v1/traces'],
  ['http://127.0.0.1:4318/', 'http://127.0.0.1:4318/v1/traces'],
  ['https://host/some/path', 'https://host/some/path'],
] as const)
  test(`${endpoint} is sent to at ${url}`, () => assert.equal(tracesUrl(endpoint), url))
