import assert from 'node:assert/strict'
import test from 'node:test'
import { PlainProcess } from '../plain-process.ts'
import { GIVE_UP_MS, KERNEL_BYTES_MAX } from './pipe.ts'
import { CLIENT, numbered, SERVER, TwoHosts } from './two-hosts.ts'

test('both sides hear what the other says, then of its end', async () => {
  const hosts = new TwoHosts()
  const dialled = hosts.dial()
  dialled.socket.write('written before it was connected')
  await hosts.pass(10)
  const [answered] = hosts.answered
  assert(answered !== undefined)
  answered.transport.write(Buffer.from('hello'))
  await hosts.pass(10)
  assert.equal(answered.bytes.toString(), 'written before it was connected')
  assert.equal(dialled.bytes.toString(), 'hello')
  assert.equal(answered.transport.peerHost, CLIENT)
  assert.equal(answered.transport.localPort, SERVER.port)
  answered.transport.write(Buffer.from(' and good bye'))
  answered.transport.end()
  await hosts.pass(10)
  assert.equal(dialled.bytes.toString(), 'hello and good bye')
  assert.deepEqual(dialled.told, ['connect', 'end', 'close'])
  assert.deepEqual(answered.told, ['closed'])
})

test('who hears the end of the other still sends what it has written', async () => {
  const hosts = new TwoHosts()
  const { dialled, answered } = await hosts.connected()
  const bytes = numbered(4 * KERNEL_BYTES_MAX)
  dialled.socket.pause()
  answered.transport.write(bytes)
  dialled.socket.end('no more')
  await hosts.pass(10)
  assert.deepEqual(answered.told, ['ended'])
  dialled.socket.resume()
  await hosts.pass(100)
  assert.deepEqual(dialled.bytes, bytes)
  assert.deepEqual(answered.told, ['ended', 'closed'])
  assert.deepEqual(dialled.told, ['connect', 'end', 'close'])
})

for (const { when, prepare, error, withinMs } of [
  { when: 'nothing listens', prepare: (hosts: TwoHosts) => hosts.stopListening(), error: 'ECONNREFUSED', withinMs: 10 },
  {
    when: 'the process that listened has died',
    prepare: (hosts: TwoHosts) => (hosts.server.kill(), hosts.network.processEnded(SERVER.host)),
    error: 'ECONNREFUSED',
    withinMs: 10,
  },
  {
    when: 'the way there resets what it sees',
    prepare: (hosts: TwoHosts) => hosts.network.cut(CLIENT, SERVER.host, 'reset'),
    error: 'ECONNREFUSED',
    withinMs: 10,
  },
  {
    when: 'nothing arrives there',
    prepare: (hosts: TwoHosts) => hosts.network.cut(CLIENT, SERVER.host, 'vanish'),
    error: 'ETIMEDOUT',
    withinMs: 130_000,
  },
  {
    when: 'no answer arrives here',
    prepare: (hosts: TwoHosts) => hosts.network.cut(SERVER.host, CLIENT, 'vanish'),
    error: 'ETIMEDOUT',
    withinMs: 130_000,
  },
  {
    when: 'its machine has no power',
    prepare: (hosts: TwoHosts) => hosts.network.hostVanished(SERVER.host),
    error: 'ETIMEDOUT',
    withinMs: 130_000,
  },
])
  test(`to dial where ${when} fails with ${error}`, async () => {
    const hosts = new TwoHosts()
    prepare(hosts)
    const dialled = hosts.dial()
    await hosts.pass(withinMs)
    assert.deepEqual(dialled.told, [error, 'close'])
    assert.equal(hosts.answered.length, 0)
  })

test('a host that nobody knows has no address', async () => {
  const hosts = new TwoHosts()
  const socket = hosts.network.dial(CLIENT, hosts.client, { host: 'sever', port: 1883 })
  const errors: NodeJS.ErrnoException[] = []
  socket.on('error', (error) => errors.push(error))
  await hosts.pass(10)
  assert.deepEqual(
    errors.map(({ code, syscall, message }) => ({ code, syscall, message })),
    [{ code: 'ENOTFOUND', syscall: 'getaddrinfo', message: 'getaddrinfo ENOTFOUND sever' }],
  )
})

test('a SYN that vanished is sent again: who dialled is connected once the way is free', async () => {
  const hosts = new TwoHosts()
  const heal = hosts.partition()
  const dialled = hosts.dial()
  await hosts.pass(5_000)
  assert.deepEqual(dialled.told, [])
  heal()
  await hosts.pass(3_000)
  assert.deepEqual(dialled.told, ['connect'])
})

test('what vanished in one direction comes after the end of that, and the other direction is not touched', async () => {
  const hosts = new TwoHosts()
  const { dialled, answered } = await hosts.connected()
  const heal = hosts.network.cut(CLIENT, SERVER.host, 'vanish')
  dialled.socket.write('lost at first')
  answered.transport.write(Buffer.from('heard'))
  await hosts.pass(10_000)
  dialled.socket.write(', and what comes behind it')
  heal()
  assert.equal(answered.bytes.length, 0)
  assert.equal(dialled.bytes.toString(), 'heard')
  await hosts.pass(10_000)
  assert.equal(answered.bytes.toString(), 'lost at first, and what comes behind it')
  assert.deepEqual([...dialled.told, ...answered.told], ['connect'])
})

test('without acknowledgements bytes arrive, but no more than the kernel keeps', async () => {
  const hosts = new TwoHosts()
  const { dialled, answered } = await hosts.connected()
  const heal = hosts.network.cut(SERVER.host, CLIENT, 'vanish')
  const bytes = numbered(3 * KERNEL_BYTES_MAX)
  dialled.socket.write(bytes)
  await hosts.pass(1_000)
  assert.equal(answered.bytes.length, KERNEL_BYTES_MAX)
  heal()
  await hosts.pass(1_000)
  assert.deepEqual(answered.bytes, bytes)
})

test('a kernel gives up in the end, and the other side does not know until it says something', async () => {
  const hosts = new TwoHosts()
  const { dialled, answered } = await hosts.connected()
  const heal = hosts.partition()
  dialled.socket.write('never heard')
  await hosts.pass(GIVE_UP_MS + 1_000)
  assert.deepEqual(dialled.told, ['connect', 'ETIMEDOUT', 'close'])
  heal()
  await hosts.pass(200_000)
  assert.deepEqual([answered.told, answered.bytes.length], [[], 0])
  answered.transport.write(Buffer.from('are you there?'))
  await hosts.pass(10)
  assert.deepEqual(answered.told, ['closed'])
})

test('a reset breaks both sides, whoever dialled, and what comes is a beginning of what was sent', async () => {
  const lengths = new Set<number>()
  for (let seed = 0; seed < 20; seed += 1) {
    const hosts = new TwoHosts(seed)
    const { dialled, answered } = await hosts.connected()
    const bytes = numbered(1_000)
    dialled.socket.write(bytes)
    hosts.network.resetAll(SERVER.host, CLIENT)
    await hosts.pass(10)
    assert.deepEqual(dialled.told, ['connect', 'ECONNRESET', 'close'])
    assert.deepEqual(answered.told, ['closed'])
    assert.deepEqual(answered.bytes, bytes.subarray(0, answered.bytes.length))
    lengths.add(answered.bytes.length)
  }
  assert(lengths.size > 10, `cut at ${[...lengths].join(', ')}`)
})

test('a cut that resets ends: then new connections are made', async () => {
  const hosts = new TwoHosts()
  const { dialled } = await hosts.connected()
  const heal = hosts.network.cut(SERVER.host, CLIENT, 'reset')
  await hosts.pass(10)
  assert.deepEqual(dialled.told, ['connect', 'ECONNRESET', 'close'])
  heal()
  heal()
  const { dialled: next } = await hosts.connected()
  assert.deepEqual(next.told, ['connect'])
})

test('of two cuts of one way the end of one is not the end of the other', async () => {
  const hosts = new TwoHosts()
  const { dialled, answered } = await hosts.connected()
  const heal = hosts.partition()
  const healOther = hosts.partition()
  dialled.socket.write('late')
  heal()
  heal()
  await hosts.pass(60_000)
  assert.equal(answered.bytes.length, 0)
  healOther()
  await hosts.pass(60_000)
  assert.equal(answered.bytes.toString(), 'late')
})

test('who does not read is not sent more than the kernels keep, and the sender knows how much waits', async () => {
  const hosts = new TwoHosts()
  const { dialled, answered } = await hosts.connected()
  const bytes = numbered(4 * KERNEL_BYTES_MAX)
  let written = 0
  answered.transport.pause()
  dialled.socket.write(bytes)
  dialled.socket.pause()
  assert.equal(
    answered.transport.write(bytes, () => (written += 1)),
    false,
  )
  await hosts.pass(60_000)
  const { writableLength } = answered.transport
  // A stream of Node has read ahead what the kernel kept, once.
  assert(writableLength >= 2 * KERNEL_BYTES_MAX && writableLength <= 3 * KERNEL_BYTES_MAX, `${writableLength} wait`)
  assert.equal(dialled.socket.writableLength, bytes.length)
  assert.deepEqual([answered.bytes.length, dialled.bytes.length, written], [0, 0, 0])
  answered.transport.throttle()
  answered.transport.resume()
  await hosts.pass(1_000)
  assert.equal(answered.bytes.length, 0, 'it is still throttled')
  answered.transport.unthrottle()
  dialled.socket.resume()
  await hosts.pass(1_000)
  assert.deepEqual(answered.bytes, bytes)
  assert.deepEqual(dialled.bytes, bytes)
  assert.deepEqual([answered.transport.writableLength, dialled.socket.writableLength, written], [0, 0, 1])
})

test('a process that is stopped is connected and written to, and hears of it when it goes on', async () => {
  const hosts = new TwoHosts()
  hosts.server.freeze()
  const dialled = hosts.dial()
  dialled.socket.write('one, ')
  await hosts.pass(1_000)
  dialled.socket.end('two')
  await hosts.pass(1_000)
  assert.deepEqual(dialled.told, ['connect'])
  assert.equal(hosts.answered.length, 0)
  hosts.server.thaw()
  await hosts.pass(10)
  assert.equal(hosts.answered[0]?.bytes.toString(), 'one, two')
  assert.deepEqual(dialled.told, ['connect', 'end', 'close'])
})

test('the kernel sends for a dead process what it had taken, then the end', async () => {
  const hosts = new TwoHosts()
  const { dialled, answered } = await hosts.connected()
  const bytes = numbered(2 * KERNEL_BYTES_MAX)
  dialled.socket.pause()
  answered.transport.write(bytes)
  hosts.server.kill()
  hosts.network.processEnded(SERVER.host)
  await hosts.pass(10)
  dialled.socket.resume()
  await hosts.pass(10)
  assert.deepEqual(dialled.bytes, bytes.subarray(0, KERNEL_BYTES_MAX))
  assert.deepEqual(dialled.told, ['connect', 'end', 'close'])
  assert.deepEqual(answered.told, [], 'the dead hear nothing')
})

test('who writes to a dead process that had not read hears of a reset', async () => {
  const hosts = new TwoHosts()
  const { dialled, answered } = await hosts.connected()
  answered.transport.pause()
  dialled.socket.write('unread')
  await hosts.pass(10)
  hosts.server.kill()
  hosts.network.processEnded(SERVER.host)
  await hosts.pass(10)
  assert.deepEqual(dialled.told, ['connect', 'ECONNRESET', 'close'])
})

test('power fails: half open until the machine is back and something is said', async () => {
  const hosts = new TwoHosts()
  const { dialled } = await hosts.connected()
  hosts.server.kill()
  hosts.network.hostVanished(SERVER.host)
  dialled.socket.write('hello?')
  await hosts.pass(10_000)
  assert.deepEqual(dialled.told, ['connect'])
  hosts.listen(new PlainProcess())
  const next = hosts.dial()
  await hosts.pass(10_000)
  assert.deepEqual(dialled.told, ['connect', 'ECONNRESET', 'close'])
  assert.deepEqual(next.told, ['connect'])
})

test('the dead dial nobody, and who is destroyed while it connects is heard of no more', async () => {
  const hosts = new TwoHosts()
  const dialled = hosts.dial()
  dialled.socket.destroy()
  const dead = hosts.dial()
  hosts.client.kill()
  await hosts.pass(200_000)
  assert.equal(hosts.answered.length, 0)
  assert.deepEqual([...dialled.told, ...dead.told], [])
})

test('a server that ends and is not answered lets go after a while', async () => {
  const hosts = new TwoHosts()
  const { answered } = await hosts.connected()
  hosts.partition()
  answered.transport.end()
  await hosts.pass(4_900)
  assert.deepEqual(answered.told, [])
  await hosts.pass(200)
  assert.deepEqual(answered.told, ['closed'])
})

test('one port is listened on once at a time', () => {
  const hosts = new TwoHosts()
  assert.throws(() => hosts.listen(new PlainProcess()), /EADDRINUSE: server:1883/)
  hosts.server.kill()
  hosts.listen(new PlainProcess())
})

test('what somebody said before giving up may come after what it said on its next connection', async () => {
  const hosts = new TwoHosts()
  const { dialled, answered } = await hosts.connected()
  const heal = hosts.network.cut(CLIENT, SERVER.host, 'vanish')
  dialled.socket.write('CONNECT, the first')
  await hosts.pass(3_000)
  dialled.socket.destroy()
  heal()
  const next = hosts.dial()
  next.socket.write('CONNECT, the second')
  await hosts.pass(10)
  assert.equal(hosts.answered[1]?.bytes.toString(), 'CONNECT, the second')
  assert.equal(answered.bytes.length, 0)
  await hosts.pass(10_000)
  assert.equal(answered.bytes.toString(), 'CONNECT, the first')
  assert.deepEqual(answered.told, ['ended', 'closed'])
})

test('an echo says the first words of a connection again on another one, which then ends', async () => {
  const hosts = new TwoHosts()
  const heal = hosts.network.echo(CLIENT, SERVER.host)
  const { dialled } = await hosts.connected()
  dialled.socket.write('CONNECT')
  await hosts.pass(1)
  dialled.socket.write(', then the rest')
  await hosts.pass(5_000)
  assert.deepEqual(
    hosts.answered.map(({ bytes, told }) => [bytes.toString(), ...told]),
    [['CONNECT, then the rest'], ['CONNECT', 'ended', 'closed']],
  )
  assert.deepEqual(dialled.told, ['connect'])
  heal()
  const { dialled: plain } = await hosts.connected()
  plain.socket.write('CONNECT')
  await hosts.pass(5_000)
  assert.equal(hosts.answered.length, 3)
})
