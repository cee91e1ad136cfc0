import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Arrivals } from '../../../src/broker/handover/arrivals.ts'
import type { Queued } from '../../../src/broker/sessions/queue.ts'
import { encodeMessage, Publication } from '../../../src/packets/publication.ts'

const publisher = { clientId: 'p', username: undefined, peerHost: undefined }

/** The n-th message of a publisher. */
function publicationOf(n: number): Publication {
  const payload = Buffer.from(String(n))
  const bytes = encodeMessage({
    topic: 't',
    payload,
    qos: 1,
    retain: false,
    properties: undefined,
    from: 'p',
    username: undefined,
    peerHost: undefined,
    timestampMs: 0,
    origin: undefined,
  })
  return Publication.read('t', bytes, publisher, 0, undefined)
}

function queuedOf(publication: Publication): Queued {
  return { publication, qos: 1, retain: false, subscriptionIdentifiers: [], group: undefined }
}

test('the old node gets up to somewhere, the new one from somewhere before on: each message goes to the client once, in order', () => {
  fc.assert(
    fc.property(
      fc.nat(30),
      fc.nat(30),
      fc.nat(30),
      fc.infiniteStream(fc.boolean()),
      (count, one, other, routedFirst) => {
        const messages = Array.from({ length: count }, (_, n) => publicationOf(n))
        const [from, until] = [Math.min(one, other), Math.max(one, other)]
        /** What is handed on, and what is routed here; how they come one among the other is left to chance. */
        const late = messages.slice(0, until)
        const routed = messages.slice(from)
        const arrivals = new Arrivals()
        const sent: Publication[] = []
        const send = (queued: Queued): void => void sent.push(queued.publication)
        let isOver = false
        while (late.length > 0 || routed.length > 0 || !isOver) {
          const next = routed.length > 0 && routedFirst.next().value === true ? routed.shift() : undefined
          if (next !== undefined) {
            if (arrivals.goesNow(next, () => queuedOf(next))) sent.push(next)
          } else if (late.length > 0) {
            const publication = late.shift()!
            const first = arrivals.late(publication)
            if (first === 'first') sent.push(publication)
            else if (first !== undefined) send(first)
          } else if (!isOver) {
            isOver = true
            arrivals.end().forEach(send)
          } else {
            const last = routed.shift()!
            if (arrivals.goesNow(last, () => queuedOf(last))) sent.push(last)
          }
        }
        assert.deepEqual(
          sent.map(({ bytes }) => bytes.toString('hex')),
          messages.map(({ bytes }) => bytes.toString('hex')),
        )
      },
    ),
  )
})
