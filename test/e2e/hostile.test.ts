/** Clients that abuse `$LINK/#` as fast as they can: nobody else notices. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { test } from 'node:test'
import { deflateSync } from 'node:zlib'
import { generate } from 'mqtt-packet'
import { connectClient, prove, publishMany, subscribe } from './clients.ts'
import { linkedPair } from './clusters.ts'

const termVersion = 131
const uint32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer).swap32()

/** Terms that say they are larger, or nest deeper, than anybody should believe. */
const evil: readonly Buffer[] = [
  Buffer.alloc(0),
  Buffer.from('no term at all'),
  Buffer.alloc(1_000_000, 'x'),
  // Lists of one list of one list ...
  Buffer.concat([Buffer.from([termVersion]), ...Array.from({ length: 50_000 }, () => Buffer.from([108, 0, 0, 0, 1]))]),
  Buffer.concat([Buffer.from([termVersion, 108]), uint32(0xffff_ffff)]),
  Buffer.concat([Buffer.from([termVersion, 109]), uint32(0x7fff_ffff)]),
  Buffer.concat([Buffer.from([termVersion, 116]), uint32(0xffff_ffff)]),
  // A tuple of a million empty lists.
  Buffer.concat([Buffer.from([termVersion, 105]), uint32(1_000_000), Buffer.alloc(1_000_000, 106)]),
  // 100 MB of zeros: once as they are, once called 100 bytes.
  ...[100_000_000, 100].map((bytes) =>
    Buffer.concat([Buffer.from([termVersion, 80]), uint32(bytes), deflateSync(Buffer.alloc(100_000_000))]),
  ),
]
const rounds = 3
const topics = ['$LINK/cluster/msg/cl-b', '$LINK/cluster/route/cl-b', '$LINK/cluster/msg/nobody', '$LINK/x', '$LINK']

/** Everything evil at once on a connection of its own. Resolves when the connection is over. */
async function attack(port: number, topic: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  // The node may well hang up before all is said.
  socket.on('error', () => undefined)
  socket.resume()
  const options = { protocolVersion: 5 }
  const terms = { protocolId: 'MQTT', protocolVersion: 5, clean: true, clientId: `evil-${randomUUID()}` } as const
  socket.write(generate({ cmd: 'connect', ...terms }, options))
  for (const payload of evil)
    socket.write(generate({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false }, options))
  socket.end()
  await new Promise((resolve) => socket.once('close', resolve))
}

test('garbage under $LINK, megabytes of it, disturbs neither the link nor other clients', async (t) => {
  const { a, b } = await linkedPair(t, { aWants: ['t/#'], bWants: ['t/#'] })
  const inbox = await subscribe(await connectClient(t, b.mqttPort), 't/1')
  const publisher = await connectClient(t, a.mqttPort)
  await prove(inbox, publisher, 't/1')

  const attacks = Array.from({ length: rounds }, async () =>
    Promise.all(topics.map(async (topic) => attack(a.mqttPort, topic))),
  )
  const sent = await publishMany(publisher, 't/1', '', 500)
  await Promise.all(attacks)
  sent.push(...(await publishMany(publisher, 't/1', 'later-', 10)))
  await inbox.waitForPayload('later-9')
  assert.deepEqual(inbox.payloads(), sent)
  const ended = (): number => a.log.filter(({ msg }) => msg === 'cluster_link_routerepl_protocol_error').length
  await a.waitFor('end of each attack', () => ended() >= rounds)
  assert.equal(ended(), rounds, 'what is no term among routes ends the connection that said it')
  assert.equal(a.linkStatus('cl-b')?.['status'], 'running')
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${a.pid}/status`, 'utf8')) ?? []
  assert.ok(Number(kilobytes) < 400_000, `${kilobytes} kB at most`)
})
