import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SpokenDialect } from '../../../actors/forwarding.ts'
import { againMsMax, againMsMin, TurnWatch } from '../../../src/link/native/turn-watch.ts'
import { ManualClock } from '../manual-clock.ts'

function watched({
  isWanted = true,
  dialect = 'emqx',
}: { isWanted?: boolean; dialect?: SpokenDialect | undefined } = {}) {
  const clock = new ManualClock()
  const link: { dialect: SpokenDialect | undefined; reopened: number } = { dialect, reopened: 0 }
  const watch = new TurnWatch({
    clock,
    dialect: () => link.dialect,
    isWanted: () => isWanted,
    reopen: () => void (link.reopened += 1),
  })
  /** The connections were opened anew, and the peer speaks this on them. */
  const connect = (spoken: SpokenDialect): void => {
    link.dialect = spoken
    watch.connected()
  }
  return { clock, link, watch, connect }
}

test('a peer that is heard natively is connected to anew at once, and once for all that it says until then', () => {
  const { clock, link, watch, connect } = watched()
  watch.heard()
  watch.heard()
  watch.heard()
  assert.equal(link.reopened, 1)
  connect('native')
  clock.advance(2 * againMsMax)
  assert.equal(link.reopened, 1)
})

test('one whose link was deleted and made again is connected to anew at once, again', () => {
  const { link, watch, connect } = watched()
  watch.heard()
  connect('native')
  connect('emqx')
  assert.equal(link.reopened, 1)
  watch.heard()
  assert.equal(link.reopened, 2)
})

test('where it changes nothing, the next time is twice as far away, and nothing happens unless the peer is heard', () => {
  const { clock, link, watch, connect } = watched()
  watch.heard()
  connect('emqx')
  clock.advance(2 * againMsMax)
  assert.equal(link.reopened, 1)
  watch.heard()
  connect('emqx')
  assert.equal(link.reopened, 2)
  for (let node = 0; node < 10; node += 1) watch.heard()
  clock.advance(2 * againMsMin - 1)
  assert.equal(link.reopened, 2)
  clock.advance(1)
  assert.equal(link.reopened, 3)
})

test('a peer that is heard while no connection is up is connected to anew if the one that comes is not native', () => {
  const { link, watch, connect } = watched({ dialect: undefined })
  link.dialect = undefined
  watch.heard()
  assert.equal(link.reopened, 0)
  connect('emqx')
  assert.equal(link.reopened, 1)
})

test('a link that is to speak EMQX’s dialect leaves its connections alone, and so does one that is stopped', () => {
  const pinned = watched({ isWanted: false })
  pinned.watch.heard()
  assert.equal(pinned.link.reopened, 0)
  const { clock, link, watch, connect } = watched()
  watch.heard()
  connect('emqx')
  watch.heard()
  watch.stop()
  clock.advance(2 * againMsMax)
  assert.equal(link.reopened, 1)
})
