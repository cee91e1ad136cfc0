import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { generate } from 'mqtt-packet'
import { Publication, readProperties } from '../../src/packets/publication.ts'
import { PublishView } from '../../src/packets/publish-view.ts'
import { formatTraceparent, parseTraceparent, readTraceparent, withTraceparent } from '../../src/packets/traceparent.ts'

const nobody = { clientId: '', username: undefined, peerHost: undefined }
const context = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', isSampled: true }
const { traceId, spanId } = context

for (const { value, means } of [
  { value: `00-${traceId}-${spanId}-01`, means: context },
  { value: `00-${traceId}-${spanId}-00`, means: { ...context, isSampled: false } },
  { value: `00-${traceId}-${spanId}-03`, means: context },
  { value: `01-${traceId}-${spanId}-01-more`, means: context },
  { value: `00-${traceId}-${spanId}-01-more`, means: undefined },
  { value: `ff-${traceId}-${spanId}-01`, means: undefined },
  { value: `00-${'0'.repeat(32)}-${spanId}-01`, means: undefined },
  { value: `00-${traceId}-${'0'.repeat(16)}-01`, means: undefined },
  { value: `00-${traceId.toUpperCase()}-${spanId}-01`, means: undefined },
  { value: `00-${traceId}-${spanId}`, means: undefined },
  { value: '', means: undefined },
])
  test(`traceparent "${value}" ${means === undefined ? 'is none' : `is ${means.isSampled ? '' : 'not '}sampled`}`, () => {
    assert.deepEqual(parseTraceparent(value), means)
  })

const text = fc.string({ maxLength: 20 }).filter((one) => !one.includes('\0'))
const messages = fc.record({
  topic: fc.stringMatching(/^[a-z/]{1,20}$/),
  payload: fc.uint8Array({ maxLength: 300 }),
  qos: fc.constantFrom(0, 1, 2),
  v5: fc.boolean(),
  userProperties: fc.array(
    fc.tuple(fc.oneof(text, fc.constant('traceparent')), fc.oneof(text, fc.constant(formatTraceparent(context)))),
    { maxLength: 6 },
  ),
  contentType: fc.option(fc.oneof(text, fc.constant('traceparent')), { nil: undefined }),
  // Holds the bytes of a User Property, and is none.
  correlation: fc.option(fc.constant(Buffer.from('\x26\0\x0btraceparent\0\x02xx')), { nil: undefined }),
})

test('a PUBLISH with another context says the same but for that, whatever else it has', () => {
  fc.assert(
    fc.property(messages, ({ topic, payload, qos, v5, userProperties, contentType, correlation }) => {
      const grouped: Record<string, string[]> = Object.create(null)
      for (const [name, value] of userProperties) (grouped[name] ??= []).push(value)
      const packet = generate(
        {
          cmd: 'publish',
          topic,
          payload: Buffer.from(payload),
          qos,
          dup: false,
          retain: true,
          messageId: 7,
          properties: {
            ...(contentType === undefined ? {} : { contentType }),
            ...(correlation === undefined ? {} : { correlationData: correlation }),
            // mqtt-packet writes no packet at all for an object without any.
            ...(userProperties.length === 0 ? {} : { userProperties: grouped }),
          },
        },
        { protocolVersion: v5 ? 5 : 4 },
      )
      const view = new PublishView()
      Publication.restore(packet, v5, nobody, 0, undefined).show(view)
      const before = readProperties(view)
      const other = { ...context, spanId: '1234567890abcdef' }
      const after = Publication.read(topic, withTraceparent(view, other), nobody, 0, undefined)
      const shown = new PublishView()
      after.show(shown)
      assert.deepEqual(readTraceparent(shown), other)
      const message = after.toMessage()
      assert.deepEqual([message.topic, message.qos, message.retain], [topic, qos, true])
      assert.deepEqual(message.payload, Buffer.from(payload))
      assert.equal(shown.packetId, view.packetId)
      const kept = before?.userProperties?.filter(([name]) => name !== 'traceparent') ?? []
      assert.deepEqual(message.properties, {
        ...before,
        userProperties: [...kept, ['traceparent', formatTraceparent(other)]],
      })
    }),
  )
})

test('where the bytes of a traceparent stand in another property, there is none', () => {
  const packet = generate(
    {
      cmd: 'publish',
      topic: 't',
      payload: 'x',
      qos: 0,
      dup: false,
      retain: false,
      properties: { correlationData: Buffer.from(`\x26\0\x0btraceparent\0\x37${formatTraceparent(context)}`) },
    },
    { protocolVersion: 5 },
  )
  const view = new PublishView()
  Publication.restore(packet, true, nobody, 0, undefined).show(view)
  assert.equal(readTraceparent(view), undefined)
})
