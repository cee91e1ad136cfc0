/** What is said of an outbox's bytes is true of the process: filled to its limit while the peer is away, it takes little more. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Outbox } from '../../../src/lanes/outbox/outbox.ts'
import { encodeMessage, type Publisher } from '../../../src/packets/publication.ts'
import { PublishView } from '../../../src/packets/publish-view.ts'
import { plain } from '../lane-messages.ts'
import { WALL_MS } from './outbox-messages.ts'

const MB = 1_048_576
const LIMIT_BYTES = 16 * MB
/** Of memory, for each byte of the limit. */
const RATIO_MAX = 1.6
const PAYLOAD_BYTES = 64

/** What a socket is read in, at least. */
const READ_BYTES_MIN = 1_024

type Filling = {
  readonly who: string
  readonly publishers: number
  /** Messages that a socket brings at once. */
  readonly perRead: number
  readonly msApart: number
}

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

async function memoryBytes(): Promise<number> {
  for (let times = 0; times < 2; times += 1) {
    await new Promise((resolve) => setImmediate(resolve))
    collectGarbage()
  }
  const { heapUsed, external } = process.memoryUsage()
  // ArrayBuffers are part of what is external.
  return heapUsed + external
}

const packet = encodeMessage({
  topic: 'plant/7/line/3',
  payload: Buffer.alloc(PAYLOAD_BYTES, 'x'),
  qos: 1,
  retain: false,
  properties: undefined,
  from: 'p',
  username: undefined,
  peerHost: undefined,
  timestampMs: WALL_MS,
  origin: undefined,
})

/** Fills an outbox until it refuses, each message from a read of its own or many from one. */
function fill(outbox: Outbox, { publishers, perRead, msApart }: Omit<Filling, 'who'>): void {
  const view = new PublishView()
  for (let count = 0; ;) {
    const publisher: Publisher = {
      clientId: `device-${publishers === Infinity ? count : count % publishers}`,
      username: undefined,
      peerHost: '127.0.0.1',
    }
    const chunk = Buffer.allocUnsafeSlow(Math.max(READ_BYTES_MIN, perRead * packet.length))
    for (let index = 0; index < perRead; index += 1, count += 1) {
      const at = index * packet.length
      packet.copy(chunk, at)
      view.read(chunk, at, at + 2, at + packet.length, true)
      const steadyMs = Math.floor(count * msApart)
      const nowMs = WALL_MS + steadyMs
      const message = { view, publisher, nowMs, expirySeconds: 0, origin: undefined }
      if (outbox.accept(message, plain, steadyMs, nowMs, true) !== 'taken') return
      // Others of this process take small pieces of memory as well, and are done with them soon.
      if (msApart > 100) Buffer.allocUnsafe(2_000)
    }
  }
}

for (const { who, ...filling } of [
  { who: 'one hasty publisher', publishers: 1, perRead: 700, msApart: 0 },
  { who: 'a hundred publishers who say a thing now and then', publishers: 100, perRead: 1, msApart: 2 },
  { who: 'twenty thousand devices', publishers: 20_000, perRead: 1, msApart: 0.2 },
  { who: 'devices that come once', publishers: Infinity, perRead: 1, msApart: 1 },
  { who: 'a message every other second', publishers: 10, perRead: 1, msApart: 2_000 },
] satisfies Filling[]) {
  test(`an outbox that was filled by ${who} takes as much memory as it says, and gives it back`, async () => {
    const limits = { bytesMax: LIMIT_BYTES, countMax: 10_000_000, ageMsMax: Number.POSITIVE_INFINITY }
    const before = await memoryBytes()
    const outbox = new Outbox({ epoch: 1, limits, overflow: 'drop_newest' })
    fill(outbox, filling)
    const grown = (await memoryBytes()) - before
    assert.ok(outbox.bytes > LIMIT_BYTES * 0.97, `${outbox.bytes} B`)
    assert.ok(outbox.count > LIMIT_BYTES / 512, `${outbox.count} messages`)
    assert.ok(grown < LIMIT_BYTES * RATIO_MAX, `${grown} B`)
    outbox.clear()
    const left = (await memoryBytes()) - before
    assert.ok(left < LIMIT_BYTES / 8, `${left} B`)
  })
}
