/**
 * What does a client cost that is connected and says nothing? Connects many (`--connections`), each with a session that is
 * kept and one subscription of its own, and reads how much more memory the broker's process holds than before, by what the
 * system says: as it is a few seconds later, and after a full collection of garbage, which is what the connections need rather
 * than what it took to make them. Left out: what the kernel holds for a socket, and TLS.
 * Rules with placeholders come to rights that no two clients share: a line of their own. A silent client's are let go of.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import type { Bench } from './bench.ts'
import { connectPacket, subscribePacket } from './mqtt-bytes.ts'
import { findMosquitto, type Peer, startIsthmus, startMosquitto } from './peers.ts'

const KIB = 1024
/** Bytes of the process per connection, at most. */
const BUDGET = 12 * KIB
/** Connections that are made at once, so that no queue of the kernel overflows. */
const AT_ONCE = 100
/** Connections made before the first reading: what the first ones bring into memory they bring for all. */
const WARMUP_SHARE = 0.02
/** How long a process may take to become quiet, milliseconds: at most, and for each connection that it was given. */
const SETTLE_MS_MAX = 3000
const SETTLE_MS_EACH = 3

/** Lets a signal ask our process for a collection. */
const COLLECTS = [
  '--expose-gc',
  '--import=data:text/javascript,process.on("SIGUSR2",()=>(globalThis.gc(),globalThis.gc()))',
]

export async function benchIdle(bench: Bench): Promise<void> {
  const { connections } = bench
  bench.print(`idle: KiB per connection of ${connections}, each with a kept session and a subscription`)
  const ours = await measureIdle(connections, await startIsthmus(COLLECTS, false), true)
  bench.print(`  ours ${kib(ours.resident)} resident, ${kib(ours.collected)} collected, budget ${kib(BUDGET)}`)
  if (ours.collected > BUDGET) bench.miss(`idle connection: ${kib(ours.collected)} KiB, ${kib(BUDGET)} are allowed`)
  const guarded = await measureIdle(connections, await startIsthmus(COLLECTS), true)
  bench.print(`  ours with 20 rules ${kib(guarded.resident)} resident, ${kib(guarded.collected)} collected`)
  if (guarded.collected > BUDGET) bench.miss(`idle connection with rules: ${kib(guarded.collected)} KiB`)
  const mosquitto = findMosquitto()
  if (mosquitto === undefined) return
  const theirs = await measureIdle(connections, await startMosquitto(mosquitto.path, false), false)
  bench.print(`  Mosquitto ${mosquitto.version} ${kib(theirs.resident)} resident`)
}

type Figures = { readonly resident: number; readonly collected: number }

async function measureIdle(connections: number, peer: Peer, collects: boolean): Promise<Figures> {
  const sockets: Socket[] = []
  const pid = peer.pids[0]!
  const settleMs = Math.min(SETTLE_MS_MAX, connections * SETTLE_MS_EACH)
  try {
    const before = Math.ceil(connections * WARMUP_SHARE)
    await open(sockets, before, peer.publishPort)
    const first = await read(pid, collects, settleMs)
    await open(sockets, connections, peer.publishPort)
    const last = await read(pid, collects, settleMs)
    const each = (what: keyof Figures): number => (last[what] - first[what]) / (connections - before)
    return { resident: each('resident'), collected: each('collected') }
  } finally {
    for (const socket of sockets) socket.destroy()
    await peer.stop()
  }
}

async function read(pid: number, collects: boolean, settleMs: number): Promise<Figures> {
  await new Promise((resolve) => setTimeout(resolve, settleMs))
  const resident = residentBytes(pid)
  if (!collects) return { resident, collected: resident }
  process.kill(pid, 'SIGUSR2')
  await new Promise((resolve) => setTimeout(resolve, settleMs))
  return { resident, collected: residentBytes(pid) }
}

/** Opens more connections until there are so many. */
async function open(sockets: Socket[], count: number, port: number): Promise<void> {
  while (sockets.length < count) {
    const more = Math.min(AT_ONCE, count - sockets.length)
    const from = sockets.length
    sockets.push(...(await Promise.all(Array.from({ length: more }, (_, index) => openOne(from + index, port)))))
  }
}

/** One client, connected and subscribed. */
async function openOne(index: number, port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  socket.write(
    Buffer.concat([
      connectPacket({ clientId: `idle-${index}`, username: 'bench', isKept: true }),
      subscribePacket(1, [`bench/${index}`], 1),
    ]),
  )
  // CONNACK has 4 bytes, SUBACK 5.
  let bytes = 0
  while (bytes < 9) {
    const [chunk] = await once(socket, 'data')
    if (!Buffer.isBuffer(chunk)) throw new TypeError('a socket without encoding gives buffers')
    bytes += chunk.length
  }
  return socket
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * KIB
}

function kib(bytes: number): string {
  return (bytes / KIB).toFixed(1)
}
