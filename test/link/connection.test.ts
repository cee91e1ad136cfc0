/** Addresses that a link can be told to go to, over real sockets. */
import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import test from 'node:test'
import { Acceptor } from './acceptor.ts'
import { behaving } from './behaving.ts'
import { linkConfig, startRuntime } from './link-fixture.ts'

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
)

for (const { what, listenOn, server } of [
  { what: 'an IPv6 address', listenOn: '::1', server: (port: number) => `[::1]:${port}` },
  { what: 'an IPv6 address with a scheme', listenOn: '::1', server: (port: number) => `mqtt://[::1]:${port}` },
  {
    what: 'an IPv6 address after one that refuses',
    listenOn: '::1',
    server: (port: number) => `127.0.0.1:1,[::1]:${port}`,
  },
  { what: 'an IPv4 address', listenOn: '127.0.0.1', server: (port: number) => `127.0.0.1:${port}` },
]) {
  const skip = listenOn === '::1' && !hasIpv6 && 'this machine has no IPv6'
  test(`a link to ${what} runs`, { skip }, async (t) => {
    const acceptor = new Acceptor(behaving())
    const port = await acceptor.listen(0, listenOn)
    const { runtime, status } = startRuntime()
    t.after(async () => {
      await runtime.stop(0)
      await acceptor.close()
    })
    runtime.apply([linkConfig(port, { server: server(port) })])
    assert.deepEqual((await status(({ state }) => state === 'running')).reasons, [])
  })
}

test('a peer that says goodbye and stays on the line is left', async (t) => {
  const answer = behaving()
  const acceptor = new Acceptor((received) => {
    answer(received)
    if (received.packet.cmd === 'subscribe') received.peer.send({ cmd: 'disconnect', reasonCode: 0x97 })
  })
  const { runtime, status } = startRuntime()
  t.after(async () => {
    await runtime.stop(0)
    await acceptor.close()
  })
  runtime.apply([linkConfig(await acceptor.listen())])
  await status(({ reasons }) => reasons.some((words) => words.includes('closed the connection: 0x97 Quota exceeded')))
})
