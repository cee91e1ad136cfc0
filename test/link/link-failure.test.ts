import assert from 'node:assert/strict'
import test from 'node:test'
import {
  allAddressesFailed,
  connectRefused,
  disconnectedByPeer,
  handshakeRejected,
  socketFailure,
} from '../../src/link/link-failure.ts'

const coded = (code: string, message = `connect ${code}`) => Object.assign(new Error(message), { code })

for (const { when, failure, kind, logLevel, reason } of [
  {
    when: 'nobody listens',
    failure: socketFailure(coded('ECONNREFUSED')),
    kind: 'lost',
    logLevel: 'warn',
    reason: 'nobody listens there (ECONNREFUSED)',
  },
  {
    when: 'the name is unknown',
    failure: socketFailure(coded('ENOTFOUND')),
    kind: 'lost',
    logLevel: 'warn',
    reason: 'host name not found (ENOTFOUND)',
  },
  {
    when: 'the code is new to us',
    failure: socketFailure(coded('EQUIC', 'quic says no')),
    kind: 'lost',
    logLevel: 'warn',
    reason: 'quic says no',
  },
  { when: 'there is no code', failure: socketFailure(new Error('odd')), kind: 'lost', logLevel: 'warn', reason: 'odd' },
  {
    when: 'several attempts failed within Node',
    failure: socketFailure(coded('ECONNREFUSED', '')),
    kind: 'lost',
    logLevel: 'warn',
    reason: 'nobody listens there (ECONNREFUSED)',
  },
  { when: 'what was thrown is no error', failure: socketFailure('odd'), kind: 'lost', logLevel: 'warn', reason: 'odd' },
  {
    when: 'the password is wrong',
    failure: connectRefused(0x86),
    kind: 'refused',
    logLevel: 'warn',
    reason: 'the peer refused the connection: 0x86 Bad User Name or Password',
  },
  {
    when: 'the peer is busy',
    failure: connectRefused(0x89),
    kind: 'lost',
    logLevel: 'info',
    reason: 'the peer refused the connection: 0x89 Server busy',
  },
  {
    when: 'the code of a CONNACK is unknown',
    failure: connectRefused(0xfe),
    kind: 'refused',
    logLevel: 'warn',
    reason: 'the peer refused the connection: 0xfe',
  },
  {
    when: 'the peer shuts down',
    failure: disconnectedByPeer(0x8b),
    kind: 'lost',
    logLevel: 'info',
    reason: 'the peer closed the connection: 0x8b Server shutting down',
  },
  {
    when: 'another client took over',
    failure: disconnectedByPeer(0x8e),
    kind: 'lost',
    logLevel: 'info',
    reason: 'the peer closed the connection: 0x8e Session taken over',
  },
  {
    when: 'the peer kicks us and says why',
    failure: disconnectedByPeer(0x98, 'bye'),
    kind: 'lost',
    logLevel: 'warn',
    reason: 'the peer closed the connection: 0x98 Administrative action (bye)',
  },
  {
    when: 'somebody there has disabled the link',
    failure: disconnectedByPeer(0x98, 'the link was disabled'),
    kind: 'lost',
    logLevel: 'info',
    reason: 'the peer closed the connection: 0x98 Administrative action (the link was disabled)',
  },
  {
    when: 'the ack says a word of JavaScript',
    failure: handshakeRejected('constructor'),
    kind: 'refused',
    logLevel: 'warn',
    reason: 'the peer rejected us: constructor',
  },
]) {
  test(`when ${when}: ${kind}, at ${logLevel}`, () => {
    assert.deepEqual([failure.kind, failure.logLevel, failure.reason], [kind, logLevel, reason])
  })
}

test('of several addresses the refusal is what a human can act on', () => {
  const failure = allAddressesFailed([
    ['a:1', connectRefused(0x87)],
    ['b:2', socketFailure(coded('ECONNREFUSED'))],
  ])
  assert.equal(failure.kind, 'refused')
  assert.equal(
    failure.reason,
    'a:1: the peer refused the connection: 0x87 Not authorized; b:2: nobody listens there (ECONNREFUSED)',
  )
})
