import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import {
  defaultProbeTerms,
  judgeSilence,
  restartPauseMs,
  shouldRestart,
  Silence,
} from '../../../src/link/probe/silence.ts'

for (const { when, acksMs, answersMs, way, direction } of [
  { when: 'all comes', acksMs: 0, answersMs: 0, way: 'frame', direction: undefined },
  { when: 'two probes in a row are late', acksMs: 10_000, answersMs: 10_000, way: 'frame', direction: undefined },
  { when: 'nothing comes back', acksMs: 15_000, answersMs: 14_900, way: 'frame', direction: 'out' },
  {
    when: 'answers come, acknowledgements do not',
    acksMs: 15_000,
    answersMs: 0,
    way: 'frame',
    direction: 'acknowledgements',
  },
  { when: 'probes are acknowledged and not answered', acksMs: 0, answersMs: 15_000, way: 'frame', direction: 'back' },
  { when: 'pings are not answered', acksMs: 0, answersMs: 15_000, way: 'ping', direction: 'out' },
  {
    when: 'pings are answered, messages are not',
    acksMs: 15_000,
    answersMs: 0,
    way: 'ping',
    direction: 'acknowledgements',
  },
] as const)
  test(`mute: when ${when} it is ${direction ?? 'not'}`, () => {
    assert.equal(judgeSilence({ acksMs, answersMs }, way, defaultProbeTerms), direction)
  })

for (const { when, direction, silentMs, count, lastAgoMs, restarts } of [
  {
    when: 'it is mute since just now',
    direction: 'out',
    silentMs: 15_000,
    count: 0,
    lastAgoMs: Infinity,
    restarts: false,
  },
  { when: 'it is mute for long', direction: 'out', silentMs: 30_000, count: 0, lastAgoMs: Infinity, restarts: true },
  {
    when: 'only the way back is dead',
    direction: 'back',
    silentMs: 90_000,
    count: 0,
    lastAgoMs: Infinity,
    restarts: false,
  },
  {
    when: 'it was well in between, less than a minute ago',
    direction: 'out',
    silentMs: 30_000,
    count: 0,
    lastAgoMs: 59_000,
    restarts: false,
  },
  {
    when: 'the first did not help for a minute',
    direction: 'acknowledgements',
    silentMs: 90_000,
    count: 1,
    lastAgoMs: 60_000,
    restarts: true,
  },
  {
    when: 'two did not help for a minute',
    direction: 'out',
    silentMs: 150_000,
    count: 2,
    lastAgoMs: 60_000,
    restarts: false,
  },
] as const)
  test(`mute: when ${when}, connections are ${restarts ? '' : 'not '}opened anew`, () => {
    assert.equal(shouldRestart(direction, silentMs, { count, lastAgoMs }, defaultProbeTerms), restarts)
  })

test('a peer that never answers is left alone for longer each time, up to a quarter of an hour', () => {
  const pauses = [0, 1, 2, 3, 4, 5, 6, 7, 50].map((count) => restartPauseMs(count, defaultProbeTerms) / 1_000)
  assert.deepEqual(pauses, [60, 60, 120, 240, 480, 960, 960, 960, 960])
})

test('silence begins when something is asked, and ends when anything is heard', () => {
  const silence = new Silence()
  assert.equal(silence.ms(5_000), 0)
  silence.awaits(1_000)
  silence.awaits(3_000)
  assert.equal(silence.ms(5_000), 4_000)
  assert.equal(silence.reachesMs(15_000), 16_000)
  silence.heard(6_000)
  assert.equal(silence.ms(9_000), 0)
  // It was asked before, and is still to come: what else was heard shows that the line is not dead.
  silence.awaits(1_000)
  assert.equal(silence.ms(9_000), 3_000)
})

test('time without a connection is no silence, and a new one does not end it', () => {
  const silence = new Silence()
  silence.awaits(1_000)
  silence.down(11_000)
  assert.equal(silence.ms(1_000_000), 10_000)
  assert.equal(silence.isCarried, true)
  silence.awaits(1_000_000)
  assert.equal(silence.ms(1_005_000), 15_000)
  assert.equal(silence.reachesMs(15_000), 1_005_000)
  silence.heard(1_005_000)
  silence.down(1_006_000)
  assert.equal(silence.isCarried, false)
})

test('silence is never less than nothing nor more than the time that has passed', () => {
  const step = fc.tuple(fc.constantFrom('awaits', 'heard', 'down', 'forgive'), fc.nat(10_000))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const silence = new Silence()
      let nowMs = 1_000
      for (const [type, ms] of steps) {
        nowMs += ms
        if (type === 'forgive') silence.forgive(ms, nowMs)
        else silence[type](nowMs)
        const silentMs = silence.ms(nowMs)
        assert.ok(silentMs >= 0 && silentMs <= nowMs, `${silentMs}`)
      }
    }),
  )
})
