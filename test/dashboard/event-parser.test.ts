/** Server-sent events come in pieces: cut anywhere, they are the same events. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EventParser, type StreamEvent } from '../../src/dashboard/live/event-parser.ts'

function parsed(pieces: readonly string[]): StreamEvent[] {
  const parser = new EventParser()
  return pieces.flatMap((piece) => parser.push(piece))
}

for (const { when, text, events } of [
  { when: 'an event with a name', text: 'event: links\ndata: [1]\n\n', events: [{ event: 'links', data: '[1]' }] },
  { when: 'one without', text: 'data: x\n\n', events: [{ event: 'message', data: 'x' }] },
  { when: 'data of several lines', text: 'data: a\ndata: b\n\n', events: [{ event: 'message', data: 'a\nb' }] },
  { when: 'a space that belongs to the data', text: 'data:  a\n\n', events: [{ event: 'message', data: ' a' }] },
  { when: 'a comment', text: ': alive\n\n', events: [] },
  { when: 'a name without data', text: 'event: links\n\n', events: [] },
  { when: 'an event that is not over', text: 'data: a\n', events: [] },
  { when: 'lines that end as on Windows', text: 'event: l\r\ndata: a\r\n\r\n', events: [{ event: 'l', data: 'a' }] },
]) {
  test(`${when} is read`, () => {
    assert.deepEqual(parsed([text]), events)
    assert.deepEqual(parsed(text.split('')), events, 'character by character')
  })
}

test('whatever the pieces, the events are the same', () => {
  const event = fc.record({
    event: fc.stringMatching(/^[a-z]{1,8}$/),
    data: fc.array(fc.stringMatching(/^[^\r\n]{0,20}$/), { minLength: 1, maxLength: 3 }),
  })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 5 }), fc.array(fc.nat(200)), (events, cuts) => {
      const text = events
        .map(({ event, data }) => `event: ${event}\n${data.map((line) => `data: ${line}\n`).join('')}\n`)
        .join('')
      const at = [0, ...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length]
      const pieces = at.slice(1).map((end, index) => text.slice(at[index], end))
      assert.deepEqual(
        parsed(pieces),
        events.map(({ event, data }) => ({ event, data: data.join('\n') })),
      )
    }),
  )
})
