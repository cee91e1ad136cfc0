import assert from 'node:assert/strict'
import test from 'node:test'
import { matches } from '../oracle/topic-match.ts'
import { planOf } from './plan-of.ts'

const plans = Array.from({ length: 300 }, (_, seed) => planOf(seed))

test('in many plans something that another cluster asks for flows when a connection between them is cut', () => {
  const busy = plans.filter(({ clients, links, steps }) =>
    steps.some(({ atMs, deed }) => {
      if (deed.type !== 'cut' && deed.type !== 'reset') return false
      return clients.some(({ cluster, publishes }) =>
        publishes.some(({ topic, qos, fromMs, everyMs, count }) => {
          const isFlowing = fromMs < atMs && fromMs + everyMs * count > atMs
          const isAsked = links.some(
            ({ peer, link }) => peer === cluster && link.topics?.some((filter) => matches(filter, topic)),
          )
          return qos > 0 && isFlowing && isAsked
        }),
      )
    }),
  )
  assert(busy.length > 50, `${busy.length} plans`)
})

test('a rush is over before it is to be quiet', () => {
  for (const { clients, quietMs } of plans)
    for (const { publishes } of clients)
      for (const { fromMs, everyMs, count } of publishes) assert(fromMs + everyMs * (count - 1) <= quietMs)
})
