// How long does a node that joins take until it has 200,000 shared routes, how long does that keep the event loop of anybody, and how
// many bytes does a shared route take, at its owner and in a copy?
//   node dist/scripts/bench/shared.js --routes 1000000 --joined 200000 --check
//   (npm test runs it with 1,000, so that it cannot rot; --check exits 1 if a budget is missed)
// Two nodes in one process, which is harder than apart: their turns of the event loop follow each other, and so do the listener's.
// Left out: NATS (a bus in the process passes the encoded bytes on), and what a broker does with what it is told.
// How to read the line: `joinMs` by the clock, `joinCpuMs` of both nodes. `longestMs` is the processor time of the longest call into
// either node, garbage collection on other threads included: by the clock, a busy machine would be measured.
// `sentBytes` per route of the join. `ownerBytes` is beyond the key, which the broker has anyway (`keyBytes`); `copyBytes` with it.
// It compares two commits on one machine. Runs with unlike `hash` did unlike work.
import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Bus, Channel, Coordination, Registers, Sender } from '../../src/cluster/coordination.ts'
import { SharedMaps } from '../../src/cluster/maps/shared-maps.ts'

export type SharedBench = {
  readonly bench: 'shared'
  readonly routes: number
  readonly joined: number
  readonly joinMs: number
  readonly joinCpuMs: number
  readonly longestMs: number
  readonly sentBytes: number
  readonly keyBytes: number
  readonly ownerBytes: number
  readonly copyBytes: number
  readonly hash: string
}

const budgets: readonly { readonly of: keyof SharedBench; readonly below: number }[] = [
  { of: 'joinMs', below: 5_000 },
  { of: 'longestMs', below: 20 },
  { of: 'ownerBytes', below: 200 },
  { of: 'copyBytes', below: 200 },
]

const fillPerTurn = 1_000

/** A bus in this process; of registers nobody asks. */
class Wire {
  readonly nodes: WireEnd[] = []
  bytes = 0
  longestMs = 0

  /** Calls in a turn of its own, and notes how long that took. */
  readonly defer = (call: () => void): void => {
    setImmediate(() => {
      const fromMs = cpuMs()
      call()
      this.longestMs = Math.max(this.longestMs, cpuMs() - fromMs)
    })
  }

  join(node: string): SharedMaps {
    const coordination = new WireEnd(this, { node, boot: '1' })
    this.nodes.push(coordination)
    const clock = {
      nowMs: () => Date.now(),
      steadyMs: () => performance.now(),
      after: (ms: number, call: () => void) => {
        const timer = setTimeout(call, ms)
        return { cancel: () => clearTimeout(timer) }
      },
    }
    const log = { debug: () => {}, info: () => {}, warn: fail, error: fail }
    return new SharedMaps({ coordination, clock, log, random: () => 0.5, defer: this.defer })
  }
}

type Receive = (from: Sender, payload: Uint8Array) => void

class WireEnd implements Coordination, Bus {
  readonly self: Sender
  readonly payloadBytesMax = 1_048_576
  readonly isConnected = true
  readonly #wire: Wire
  #receive: Receive | undefined

  constructor(wire: Wire, self: Sender) {
    this.#wire = wire
    this.self = self
  }

  get bus(): Bus {
    return this
  }

  get registers(): Registers {
    throw new Error('shared maps need no registers')
  }

  onConnection(): () => void {
    return () => {}
  }

  broadcast(_channel: Channel, payload: Uint8Array): void {
    for (const other of this.#wire.nodes) if (other !== this) this.#pass(other, payload)
  }

  send(node: string, _channel: Channel, payload: Uint8Array): void {
    for (const other of this.#wire.nodes) if (other.self.node === node) this.#pass(other, payload)
  }

  listen(_channel: Channel, receive: Receive): () => void {
    this.#receive = receive
    return () => {}
  }

  async close(): Promise<void> {}

  #pass(other: WireEnd, payload: Uint8Array): void {
    this.#wire.bytes += payload.length
    this.#wire.defer(() => other.#receive?.(this.self, payload))
  }
}

export async function benchShared({ routes, joined }: { routes: number; joined: number }): Promise<SharedBench> {
  // Once before, so that what is measured is compiled.
  await join(Math.min(joined, 20_000))
  const { joinMs, joinCpuMs, longestMs, sentBytes } = await join(joined)
  const { keyBytes, ownerBytes, copyBytes, hash } = await join(routes)
  return {
    bench: 'shared',
    routes,
    joined,
    joinMs: Math.round(joinMs),
    joinCpuMs: Math.round(joinCpuMs),
    longestMs: rounded(longestMs),
    sentBytes: rounded(sentBytes),
    keyBytes: rounded(keyBytes),
    ownerBytes: rounded(ownerBytes),
    copyBytes: rounded(copyBytes),
    hash,
  }
}

async function join(count: number) {
  const wire = new Wire()
  const emptyBytes = heapBytes()
  // As they come from a socket: in one piece.
  const keys = Array.from({ length: count }, (_, index) =>
    Buffer.from(`ffleet/${index % 1_000}/car/${index}/speed`).toString(),
  )
  const keysBytes = heapBytes()
  const owner = wire.join('owner')
  const map = owner.own('member/owner', 1)
  for (const [index, key] of keys.entries()) {
    map.set(key, 1)
    if (index % fillPerTurn === 0) await turn()
  }
  const ownerBytes = heapBytes()
  Object.assign(wire, { bytes: 0, longestMs: 0 })
  const fromMs = performance.now()
  const fromCpuMs = cpuMs()
  const joiner = wire.join('joiner')
  await new Promise<void>((resolve) => {
    let told = 0
    const changed = (_name: string, _owner: Sender, changes: readonly unknown[]): void => {
      told += changes.length
      if (told === count) resolve()
    }
    joiner.watch('member/', { changed, dropped: () => {} })
  })
  const joinMs = performance.now() - fromMs
  const joinCpuMs = cpuMs() - fromCpuMs
  const { longestMs, bytes } = wire
  const copyBytes = heapBytes()
  assert.equal(joiner.copy('member/owner')?.size, count)
  const digest = map.content.digest()
  owner.stop()
  joiner.stop()
  return {
    joinMs,
    joinCpuMs,
    longestMs,
    sentBytes: bytes / count,
    keyBytes: (keysBytes - emptyBytes) / keys.length,
    ownerBytes: (ownerBytes - keysBytes) / count,
    copyBytes: (copyBytes - ownerBytes) / count,
    hash: `${(digest.lo >>> 0).toString(16)}${(digest.hi >>> 0).toString(16)}`,
  }
}

function fail(fields: object, event: string): never {
  throw new Error(`${event} ${JSON.stringify(fields)}`)
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') for (let i = 0; i < 2; i += 1) collect()
  return process.memoryUsage().heapUsed
}

if (import.meta.filename === process.argv[1]) {
  const { values } = parseArgs({
    options: {
      routes: { type: 'string', default: '1000000' },
      joined: { type: 'string', default: '200000' },
      check: { type: 'boolean', default: false },
    },
  })
  const result = await benchShared({ routes: Number(values.routes), joined: Number(values.joined) })
  process.stdout.write(`${JSON.stringify(result)}\n`)
  const missed = budgets.filter(({ of, below }) => !(Number(result[of]) < below))
  for (const { of, below } of missed)
    process.stderr.write(`budget missed: ${of} is ${result[of]}, not below ${below}\n`)
  if (values.check && missed.length > 0) process.exitCode = 1
}
