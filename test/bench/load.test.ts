/** The load generator's account of what a broker did, against a broker that loses, doubles and acknowledges what it should not. */
import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { listenOnFreePort } from '../../src/cli/demo/relay.ts'
import { runLoad } from '../../scripts/bench/load.ts'
import { packetWalker, type QoS } from '../../scripts/bench/mqtt-bytes.ts'

const MEASURED = 2
const PAYLOAD_BYTES = 64
type Verdict = 'pass' | 'lose' | 'double' | 'acknowledge twice'

/** Passes on every PUBLISH as it came, but for what `judge` says of the measured phase's. QoS 0 and 1. */
async function startBroker(judge: (sequence: number) => Verdict) {
  const sockets: Socket[] = []
  let subscriber: Socket | undefined
  const server = createServer((socket) => {
    sockets.push(socket)
    const walk = packetWalker((type, first, bytes, bodyAt, end) => {
      if (type === 1) socket.write(Buffer.from([0x20, 2, 0, 0]))
      else if (type === 8) {
        subscriber = socket
        const codes: number[] = []
        for (let at = bodyAt + 2; at < end; at += 3 + bytes.readUInt16BE(at))
          codes.push(bytes[at + 2 + bytes.readUInt16BE(at)]!)
        socket.write(Buffer.from([0x90, 2 + codes.length, bytes[bodyAt]!, bytes[bodyAt + 1]!, ...codes]))
      } else if (type === 3) {
        const payloadAt = end - PAYLOAD_BYTES
        const verdict = bytes.readUInt16LE(payloadAt) === MEASURED ? judge(bytes.readUInt32LE(payloadAt + 4)) : 'pass'
        const packet = Buffer.from(bytes.subarray(bodyAt - 2, end))
        for (let n = { lose: 0, double: 2, pass: 1, 'acknowledge twice': 1 }[verdict]; n > 0; n--)
          subscriber?.write(packet)
        if ((first & 6) === 0) return
        const puback = Buffer.from([0x40, 2, bytes[payloadAt - 2]!, bytes[payloadAt - 1]!])
        socket.write(verdict === 'acknowledge twice' ? Buffer.concat([puback, puback]) : puback)
      }
    })
    socket.on('data', (chunk) => walk(chunk, chunk.length))
  })
  const port = await listenOnFreePort(server)
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  return { port, close }
}

async function load(qos: QoS, judge: (sequence: number) => Verdict) {
  const broker = await startBroker(judge)
  try {
    return await runLoad({
      publishPort: broker.port,
      subscribePort: broker.port,
      publishers: 1,
      subscribers: 1,
      qos,
      topicCount: 10,
      payloadBytes: PAYLOAD_BYTES,
      window: 50,
      keptSessions: false,
      warmupMs: 20,
      durationMs: 300,
      pids: [process.pid],
    })
  } finally {
    await broker.close()
  }
}

for (const { what, qos, judge, flaws } of [
  { what: 'nothing went wrong', qos: 1, judge: () => 'pass' as const, flaws: {} },
  {
    what: 'three messages were lost, and the load went on',
    qos: 0,
    judge: (n: number) => (n >= 10 && n < 13 ? ('lose' as const) : ('pass' as const)),
    flaws: { lost: 3 },
  },
  {
    what: 'two messages came twice',
    qos: 1,
    judge: (n: number) => (n === 3 || n === 20 ? ('double' as const) : ('pass' as const)),
    flaws: { duplicated: 2 },
  },
  {
    what: 'one message was acknowledged twice',
    qos: 1,
    judge: (n: number) => (n === 5 ? ('acknowledge twice' as const) : ('pass' as const)),
    flaws: { unexpected: 1 },
  },
] as const)
  test(`the load generator finds that ${what}`, { skip: process.platform !== 'linux' && 'reads /proc' }, async () => {
    const { sent, delivered, lost, duplicated, unacknowledged, unexpected } = await load(qos, judge)
    assert.ok(sent > 20, `${sent} sent`)
    assert.equal(delivered, sent - lost)
    const none = { lost: 0, duplicated: 0, unacknowledged: 0, unexpected: 0 }
    assert.deepEqual({ lost, duplicated, unacknowledged, unexpected }, { ...none, ...flaws })
  })
