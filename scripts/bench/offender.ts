/** A client, or many, that are too much: run as a process of its own beside a measurement. `node offender.js KIND PORT`, until it is ended. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setPriority } from 'node:os'
import { connectPacket, publishForm, subscribePacket } from './mqtt-bytes.ts'

const port = Number(process.argv[3])
const KILOBYTE = Buffer.alloc(1024)
/** Messages of a flood come in bursts of so many, every so many milliseconds. */
const BURST = 50
const BURST_EVERY_MS = 10

const kinds: Readonly<Record<string, () => Promise<void>>> = {
  'deep-topics': deepTopics,
  'half-open': halfOpen,
  'never-acknowledges': neverAcknowledges,
  'many-filters': manyFilters,
  'everything-unread': everythingUnread,
  'slow-reader': slowReader,
  'connect-flood': connectFlood,
}
// Offenders have machines of their own; here they share the cores, and must not take them from whom they are to offend.
setPriority(19)
const offend = kinds[process.argv[2] ?? '']
if (offend === undefined) throw new RangeError(`there is ${Object.keys(kinds).join(', ')}`)
await offend()
process.send?.('offending')

/** Topics of 100 levels, never the same. */
async function deepTopics(): Promise<void> {
  const client = await opened('deep')
  let count = 0
  bursts(() => client.write(publishForm(`${'x/'.repeat(99)}${count++}`, 0, KILOBYTE).bytes), 10)
}

/** Connections that never finish their CONNECT. */
async function halfOpen(): Promise<void> {
  const half = connectPacket({ clientId: 'half', username: 'u', isKept: false }).subarray(0, 8)
  for (let count = 0; count < 500; count++) (await socket()).write(half)
}

/** Wants everything at QoS 1 and acknowledges nothing; somebody keeps publishing. */
async function neverAcknowledges(): Promise<void> {
  const mute = await opened('mute')
  mute.write(subscribePacket(1, ['flood/#'], 1))
  mute.resume()
  const publisher = await opened('publisher')
  publisher.resume()
  const { bytes, packetIdAt } = publishForm('flood/1', 1, KILOBYTE)
  bytes.writeUInt16BE(1, packetIdAt)
  bursts(() => publisher.write(bytes), BURST)
}

/** 100,000 filters again and again, a thousand a packet. */
async function manyFilters(): Promise<void> {
  const client = await opened('greedy')
  client.resume()
  const packets = Array.from({ length: 100 }, (_, at) =>
    subscribePacket(
      1,
      Array.from({ length: 1000 }, (_filter, index) => `greedy/${at}/${index}`),
      0,
    ),
  )
  let next = 0
  setInterval(() => client.write(packets[next++ % packets.length]!), BURST_EVERY_MS)
}

/** Subscribes to all that there is and reads none of it, on a node that is busy. */
async function everythingUnread(): Promise<void> {
  const all = await opened('all')
  all.write(subscribePacket(1, ['#'], 0))
  const publishers = await Promise.all(Array.from({ length: 5 }, (_, at) => opened(`busy-${at}`)))
  bursts(() => {
    for (const publisher of publishers) publisher.write(publishForm('busy/1', 0, KILOBYTE).bytes)
  }, BURST / 5)
}

/** Reads a tenth of what is published. */
async function slowReader(): Promise<void> {
  const slow = await opened('slow')
  slow.write(subscribePacket(1, ['flood/1'], 0))
  setInterval(() => slow.read(BURST * 100), BURST_EVERY_MS)
  const publisher = await opened('publisher')
  bursts(() => publisher.write(publishForm('flood/1', 0, KILOBYTE).bytes), BURST)
}

/** New connections as fast as they are answered, all under one ClientID. */
async function connectFlood(): Promise<void> {
  const packet = connectPacket({ clientId: 'flood', username: 'u', isKept: false })
  const one = async (): Promise<void> => {
    for (;;) {
      const client = await socket()
      client.write(packet)
      await Promise.race([once(client, 'data'), once(client, 'close')])
      client.destroy()
    }
  }
  for (let count = 0; count < 4; count++) void one()
}

function bursts(send: () => void, count: number): void {
  setInterval(() => {
    for (let left = count; left > 0; left--) send()
  }, BURST_EVERY_MS)
}

async function opened(clientId: string): Promise<Socket> {
  const client = await socket()
  client.write(connectPacket({ clientId: `offender-${clientId}`, username: 'u', isKept: false }))
  await once(client, 'readable')
  return client
}

async function socket(): Promise<Socket> {
  const client = connect({ port, host: '127.0.0.1', noDelay: true })
  // The broker may well have had enough of it.
  client.on('error', () => client.destroy())
  await once(client, 'connect')
  return client
}
