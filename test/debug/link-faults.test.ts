import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LinkFaults } from '../../src/debug/link-faults.ts'
import type { ConnectionListener, ConnectionOptions, OpenConnection } from '../../src/link/connection.ts'
import { ManualClock } from '../broker/manual-clock.ts'

const options: ConnectionOptions = {
  link: 'eu',
  clientId: 'c',
  addresses: [],
  username: undefined,
  password: undefined,
  ssl: { enable: false, verify: 'verify_none' },
  tcp: { nodelay: true, keepalive: false },
  connectMs: 1_000,
}

/** A connection whose far side is the test: what it does on the wire, and what its owner hears, stand in `seen`. */
function faulty() {
  const clock = new ManualClock()
  const seen: string[] = []
  let peer: ConnectionListener | undefined
  const open: OpenConnection = (_options, listener) => {
    peer = listener
    return {
      writable: true,
      publish: ({ topic }, answered) => {
        seen.push(`wire ${topic}`)
        answered?.(0)
      },
      subscribe: (topicFilter, answered) => {
        seen.push(`wire subscribe ${topicFilter}`)
        answered(1)
      },
      ping: (answered) => {
        seen.push('wire ping')
        answered()
      },
      close: () => void seen.push('wire closed'),
    }
  }
  const faults = new LinkFaults(open, clock)
  const connection = faults.open(options, {
    up: () => void seen.push('up'),
    down: ({ reason }) => void seen.push(`down ${reason}`),
    message: (topic) => void seen.push(`message ${topic}`),
    drained: () => void seen.push('drained'),
  })
  const publish = (topic: string) =>
    connection.publish({ topic, payload: Buffer.of(), qos: 1 }, (code) => void seen.push(`answered ${topic} ${code}`))
  return { clock, connection, faults, peer: peer!, publish, seen }
}

test('without a fault everything passes at once', () => {
  const { connection, peer, publish, seen } = faulty()
  peer.up({ receiveMaximum: 1, packetBytesMax: 1, qosMax: 1 }, undefined)
  publish('a')
  connection.subscribe('s', (code) => void seen.push(`subscribed ${code}`))
  peer.message?.('m', Buffer.of(), undefined)
  connection.ping(() => void seen.push('pinged'))
  const pinged = ['wire ping', 'pinged']
  assert.deepEqual(seen, ['up', 'wire a', 'answered a 0', 'wire subscribe s', 'subscribed 1', 'message m', ...pinged])
})

test('a cut closes the connection and tells its owner, once', () => {
  const { faults, seen } = faulty()
  assert.equal(faults.cut('us'), 0)
  assert.equal(faults.cut('eu'), 1)
  assert.equal(faults.cut('eu'), 0)
  assert.equal(seen[0], 'wire closed')
  assert.match(seen[1] ?? '', /^down .*cut by fault\.cut/)
  assert.equal(seen.length, 2)
})

test('a pause holds back what comes and goes, in its order, and says when there is room again', () => {
  const { clock, connection, faults, peer, publish, seen } = faulty()
  faults.pause('eu', 1_000)
  assert.equal(connection.writable, false)
  publish('a')
  peer.message?.('m', Buffer.of(), undefined)
  clock.advance(999)
  assert.equal(seen.length, 0)
  clock.advance(1)
  assert.deepEqual(seen, ['wire a', 'message m', 'answered a 0', 'drained'])
  assert.equal(connection.writable, true)
})

test('a pause that is ended early ends at once; so does one while nothing was held back', () => {
  const { clock, connection, faults, publish, seen } = faulty()
  faults.pause('eu', 60_000)
  publish('a')
  faults.pause('eu', 0)
  assert.deepEqual(seen.slice(0, 2), ['wire a', 'answered a 0'])
  assert.equal(connection.writable, true)
  seen.length = 0
  faults.pause('eu', 1_000)
  clock.advance(1_000)
  assert.deepEqual(seen, ['drained'])
})

test('a delay is the same for what goes and for what comes back', () => {
  const { clock, faults, publish, seen } = faulty()
  faults.delay('eu', 100)
  publish('a')
  clock.advance(50)
  publish('b')
  clock.advance(49)
  assert.equal(seen.length, 0)
  clock.advance(1)
  assert.equal(seen[0], 'wire a')
  clock.advance(50)
  assert.ok(seen.includes('wire b') && !seen.includes('answered a 0'))
  clock.advance(100)
  assert.deepEqual(
    seen.filter((event) => event !== 'drained'),
    ['wire a', 'wire b', 'answered a 0', 'answered b 0'],
  )
})

test('what is held back goes with its connection', () => {
  const { clock, connection, faults, publish, seen } = faulty()
  faults.delay('eu', 100)
  publish('a')
  connection.close()
  clock.advance(1_000)
  assert.deepEqual(seen, ['wire closed'])
})
