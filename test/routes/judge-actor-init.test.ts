import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeActorInit } from '../../src/routes/judge-actor-init.ts'

const nowMs = 1_000
const life = (incarnation: number, untilMs = 2_000) => ({ incarnation, untilMs })

for (const { when, known, incoming, verdict } of [
  { when: 'first contact', known: undefined, incoming: 7, verdict: 'created' },
  { when: 'the same life on a new connection', known: life(7), incoming: 7, verdict: 'resumed' },
  { when: 'the peer restarted', known: life(7), incoming: 8, verdict: 'reincarnated' },
  { when: 'a zombie after a partition', known: life(7), incoming: 6, verdict: 'outdated' },
  { when: 'the same life after its lease was over', known: life(7, 999), incoming: 7, verdict: 'revived' },
  { when: 'a new life after the lease of the old one', known: life(7, 999), incoming: 8, verdict: 'reincarnated' },
  {
    when: 'a peer whose clock was set back, after its lease',
    known: life(7, 1_000),
    incoming: 6,
    verdict: 'reincarnated',
  },
]) {
  test(`actor_init: ${when} is ${verdict}`, () => {
    const judged = judgeActorInit(known, life(incoming, 3_000), nowMs)
    assert.equal(judged.type, verdict)
    if (judged.type === 'outdated') assert.equal(judged.newer, 7)
    else assert.deepEqual(judged.record, life(incoming, 3_000))
  })
}
