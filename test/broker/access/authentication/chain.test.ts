import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chain } from '../../../../src/broker/access/authentication/chain.ts'
import {
  accepted,
  badCredentials,
  ignored,
  notAuthorized,
  type Outcome,
  unavailable,
} from '../../../../src/broker/access/authentication/outcome.ts'
import { systemClock } from '../../../../src/broker/clock.ts'
import { ManualClock } from '../../manual-clock.ts'
import { credentials, member, recordingLog } from './credentials.ts'

const welcome = (): boolean => true
const busy: Outcome = { type: 'busy', words: 'full' }

for (const { what, outcomes, username = 'u', answer, by } of [
  {
    what: 'the first that accepts decides',
    outcomes: [accepted(true), badCredentials('x')],
    answer: 'accepted',
    by: 'm0',
  },
  { what: 'the first that refuses decides', outcomes: [badCredentials('x'), accepted()], answer: 0x86, by: 'm0' },
  { what: 'a refusal of another kind, too', outcomes: [notAuthorized('x'), accepted()], answer: 0x87, by: 'm0' },
  {
    what: 'one that does not know the client passes it on',
    outcomes: [ignored('x'), accepted()],
    answer: 'accepted',
    by: 'm1',
  },
  { what: 'one that cannot say passes it on', outcomes: [unavailable('x'), accepted()], answer: 'accepted', by: 'm1' },
  {
    what: 'one that cannot say passes it on, and the next refuses',
    outcomes: [unavailable('x'), badCredentials('x')],
    answer: 0x86,
    by: 'm1',
  },
  { what: 'nobody knows the client', outcomes: [ignored('x'), ignored('y')], answer: 0x86, by: undefined },
  {
    what: 'nobody knows a client that names nobody',
    outcomes: [ignored('x')],
    username: '',
    answer: 0x87,
    by: undefined,
  },
  {
    what: 'nobody knows the client, but one could not be asked',
    outcomes: [unavailable('x'), ignored('y')],
    answer: 0x88,
    by: undefined,
  },
  { what: 'too many wait', outcomes: [busy, accepted()], answer: 0x89, by: 'm0' },
  { what: 'nobody is there to ask', outcomes: [], answer: 0x86, by: undefined },
])
  test(`${what}: ${typeof answer === 'number' ? `0x${answer.toString(16)}` : answer}`, async () => {
    const members = outcomes.map((outcome, index) => member(`m${index}`, outcome))
    const chain = new Chain(members, systemClock, recordingLog().log)
    const client = credentials(username === '' ? {} : { username })
    const { result, decidedBy } = await chain.authenticate(client, welcome)
    assert.equal(result.type === 'accepted' ? 'accepted' : result.reason, answer)
    assert.equal(decidedBy, by)
    const last = by === undefined ? members.length : Number(by.slice(1)) + 1
    assert.deepEqual(
      members.map(({ asked }) => asked),
      members.map((_, index) => (index < last ? 1 : 0)),
    )
  })

test('one that fails is logged and counts as one that cannot say', async () => {
  const { log, lines } = recordingLog()
  const chain = new Chain([member('m', () => Promise.reject(new Error('boom')))], systemClock, log)
  const { result } = await chain.authenticate(credentials({ username: 'u' }), welcome)
  assert.deepEqual(result, { type: 'refused', reason: 0x88, words: 'an authenticator failed' })
  assert.deepEqual(
    lines.map(({ event, fields }) => [event, fields['authenticator']]),
    [['authenticator_crashed', 'm']],
  )
})

test('one that never answers is given up, and told so', async () => {
  const clock = new ManualClock()
  const { log, events } = recordingLog()
  let signal: AbortSignal | undefined
  const silent = member('m', () => new Promise(() => {}))
  const chain = new Chain(
    [{ ...silent, authenticate: (who, attempt) => ((signal = attempt.signal), silent.authenticate(who, attempt)) }],
    clock,
    log,
  )
  const answer = chain.authenticate(credentials({ username: 'u' }), welcome)
  assert.equal(signal?.aborted, false)
  clock.advance(1000 + 500)
  const { result } = await answer
  assert.equal(result.type === 'refused' && result.reason, 0x88)
  assert.equal(signal?.aborted, true)
  assert.deepEqual(events(), ['authentication_timeout'])
})
