import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { TopicVerdicts } from '../../../src/link/inbound/topic-verdicts.ts'
import { matches } from '../../../src/topics/match.ts'

const level = fc.constantFrom('', 'a', 'ab', 'b', '$LINK', '$SYS', '$x')
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'))
const topicFilter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 3 }), fc.constantFrom('#', 'a', '+', ''))
  .map(([levels, last]) => [...levels, last].join('/'))

test('a link lets in what matches one of its topics, and nothing under $LINK/ or $SYS/', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.array(topicFilter, { maxLength: 7 }), fc.array(topic, { maxLength: 8 }))),
      (rounds) => {
        const verdicts = new TopicVerdicts()
        for (const [topicFilters, topics] of rounds) {
          verdicts.configure(topicFilters)
          for (const one of [...topics, ...topics]) {
            const isReserved = ['$LINK', '$SYS'].includes(one.split('/')[0]!)
            const isWanted = topicFilters.some((filter) => matches(one, filter))
            assert.equal(verdicts.admits(one), isWanted && !isReserved, `${one}: ${topicFilters.join()}`)
          }
        }
      },
    ),
    { numRuns: 500 },
  )
})
