/**
 * What does a message cost a broker (or a pair of linked ones), in CPU time? One publisher, one subscriber, closed loop:
 * at most `window` messages are between send and delivery (at QoS 1: and acknowledgement), so nothing has a reason to be
 * lost, and each is counted.
 * Large writes out and a walk in place over what comes in keep the generator itself far below any broker.
 * Left out: TLS, many connections, MQTT 5, payloads that compress. Latency under this load is the window's, so none is given.
 */
import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { cpuUs } from './cpu.ts'
import { connectPacket, DISCONNECT, packetWalker, publishForm, subscribePacket } from './mqtt-bytes.ts'

export type LoadOptions = {
  readonly publishPort: number
  /** Another broker's if the messages are to cross a link. */
  readonly subscribePort: number
  readonly qos: 0 | 1
  readonly topicCount: number
  /** At least 8. */
  readonly payloadBytes: number
  readonly window: number
  readonly warmupMs: number
  readonly durationMs: number
  /** Whose CPU time is charged to the messages. */
  readonly pids: readonly number[]
}

export type LoadResult = {
  readonly delivered: number
  /** Not delivered or, at QoS 1, not acknowledged. */
  readonly lost: number
  readonly duplicated: number
  readonly messagesPerSecond: number
  /** CPU time of each process per delivered message, microseconds, in the order of `pids`. */
  readonly cpuUsPerMessage: readonly number[]
  /** The generator's own. */
  readonly generatorUsPerMessage: number
}

/** Without progress for this long, what is missing is lost. */
const STALL_MS = 5000
const SUBSCRIBE_BATCH = 100
const PROBE_EVERY_MS = 100
const PROBE_DEADLINE_MS = 20_000
/** Phase number in a payload; the measured phases count from 1. */
const PROBE = 0

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  assert(options.payloadBytes >= 8, 'the payload holds phase and sequence number, four bytes each')
  const subscriber = await openSubscriber(options)
  const publisher = await openPublisher(options)
  try {
    await probe(options, publisher, subscriber)
    await runPhase(options, 1, options.warmupMs, publisher, subscriber)
    const before = options.pids.map(cpuUs)
    const own = process.cpuUsage()
    const startedMs = performance.now()
    const { delivered, lost, duplicated } = await runPhase(options, 2, options.durationMs, publisher, subscriber)
    const elapsedMs = performance.now() - startedMs
    const { user, system } = process.cpuUsage(own)
    return {
      delivered,
      lost,
      duplicated,
      messagesPerSecond: (delivered / elapsedMs) * 1000,
      cpuUsPerMessage: options.pids.map((pid, index) => (cpuUs(pid) - (before[index] ?? 0)) / delivered),
      generatorUsPerMessage: (user + system) / delivered,
    }
  } finally {
    publisher.socket.end(DISCONNECT)
    subscriber.socket.end(DISCONNECT)
  }
}

const topicName = (index: number): string => `bench/${String(index).padStart(6, '0')}`

type Subscriber = {
  readonly socket: Socket
  /** Called for every PUBLISH, then once after each read. */
  onMessage: (phase: number, sequence: number) => void
  afterRead: () => void
}

async function openSubscriber({ subscribePort, qos, topicCount }: LoadOptions): Promise<Subscriber> {
  const acknowledgements = Buffer.alloc(64 * 1024)
  let acknowledgementBytes = 0
  const flush = (): void => {
    if (acknowledgementBytes > 0) socket.write(Buffer.from(acknowledgements.subarray(0, acknowledgementBytes)))
    acknowledgementBytes = 0
  }
  const acknowledge = (high: number, low: number): void => {
    if (acknowledgementBytes + 4 > acknowledgements.length) flush()
    acknowledgements.writeUInt32BE(0x40020000 | (high << 8) | low, acknowledgementBytes)
    acknowledgementBytes += 4
  }
  const subscriber = {
    onMessage: (_phase: number, _sequence: number): void => undefined,
    afterRead: (): void => undefined,
  }
  const { socket, control } = await openConnection(subscribePort, 'bench-subscriber', {
    onPublish: (first, bytes, bodyAt) => {
      let at = bodyAt + 2 + bytes.readUInt16BE(bodyAt)
      if ((first & 0x06) > 0) {
        acknowledge(bytes[at] ?? 0, bytes[at + 1] ?? 0)
        at += 2
      }
      subscriber.onMessage(bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4))
    },
    afterRead: () => {
      flush()
      subscriber.afterRead()
    },
  })
  for (let index = 0; index < topicCount; index += SUBSCRIBE_BATCH) {
    const filters = Array.from({ length: Math.min(SUBSCRIBE_BATCH, topicCount - index) }, (_, n) =>
      topicName(index + n),
    )
    socket.write(subscribePacket(1 + index / SUBSCRIBE_BATCH, filters, qos))
    const codes = (await control(9)).subarray(2)
    assert(
      codes.every((code) => code === qos),
      `SUBACK ${codes.toString('hex')}`,
    )
  }
  return Object.assign(subscriber, { socket })
}

type Publisher = {
  readonly socket: Socket
  /** PUBACKs so far. */
  acknowledged(): number
  afterRead: () => void
  /** Sends `count` messages, the first with this sequence number; topics in turn, so that n goes to topic n mod topics. */
  send(phase: number, sequence: number, count: number): void
}

async function openPublisher({ publishPort, qos, topicCount, payloadBytes, window }: LoadOptions): Promise<Publisher> {
  // Filler from a fixed seed that does not compress, the same in every message.
  let random = 12_345
  const filler = Buffer.from(
    Array.from({ length: payloadBytes }, () => (random = (random * 48_271) % 0x7fffffff) & 0xff),
  )
  const forms = Array.from({ length: topicCount }, (_, index) => publishForm(topicName(index), qos, filler))
  const size = forms[0]?.bytes.length ?? 0
  const { packetIdAt, payloadAt } = forms[0] ?? { packetIdAt: 0, payloadAt: 0 }
  const ring = Buffer.concat(forms.map(({ bytes }) => bytes))
  const spare: Buffer[] = []
  let packetId = 0
  let acknowledged = 0
  const publisher = { afterRead: (): void => undefined }
  const { socket } = await openConnection(publishPort, 'bench-publisher', {
    onPuback: () => acknowledged++,
    afterRead: () => publisher.afterRead(),
  })
  return Object.assign(publisher, {
    socket,
    acknowledged: () => acknowledged,
    send: (phase: number, sequence: number, count: number) => {
      const chunk = spare.pop() ?? Buffer.allocUnsafeSlow(Math.max(window, 1) * size)
      for (let n = 0; n < count; n++) {
        const at = n * size
        const from = ((sequence + n) % topicCount) * size
        ring.copy(chunk, at, from, from + size)
        chunk.writeUInt32LE(phase, at + payloadAt)
        chunk.writeUInt32LE(sequence + n, at + payloadAt + 4)
        if (qos === 0) continue
        packetId = packetId === 0xffff ? 1 : packetId + 1
        chunk.writeUInt16BE(packetId, at + packetIdAt)
      }
      socket.write(chunk.subarray(0, count * size), () => spare.push(chunk))
    },
  })
}

/** Publishes until every topic has been seen once: then subscriptions, and routes if there are any, are known. */
function probe({ topicCount, window, qos }: LoadOptions, publisher: Publisher, subscriber: Subscriber): Promise<void> {
  const missing = new Set(Array.from({ length: topicCount }, (_, index) => index))
  let sent = 0
  const send = (): void => {
    for (const index of [...missing].slice(0, window)) {
      publisher.send(PROBE, index, 1)
      sent++
    }
  }
  return new Promise((resolve, reject) => {
    const again = setInterval(send, PROBE_EVERY_MS)
    const late = setTimeout(() => {
      clearInterval(again)
      reject(new Error(`${missing.size} topics never arrived`))
    }, PROBE_DEADLINE_MS)
    const look = (): void => {
      if (missing.size > 0 || (qos > 0 && publisher.acknowledged() < sent)) return
      clearInterval(again)
      clearTimeout(late)
      resolve()
    }
    subscriber.onMessage = (phase, sequence) => {
      if (phase === PROBE) missing.delete(sequence)
    }
    subscriber.afterRead = look
    publisher.afterRead = look
    send()
  })
}

type PhaseResult = { readonly delivered: number; readonly lost: number; readonly duplicated: number }

/** Sends for `durationMs`, then waits for what is on its way. */
function runPhase(
  { window, qos }: LoadOptions,
  phase: number,
  durationMs: number,
  publisher: Publisher,
  subscriber: Subscriber,
): Promise<PhaseResult> {
  const endMs = performance.now() + durationMs
  let seen = new Uint8Array(1 << 20)
  let sent = 0
  let delivered = 0
  let duplicated = 0
  const acknowledgedBefore = publisher.acknowledged()
  /** Messages that have done all they had to. */
  const done = (): number =>
    qos === 0 ? delivered : Math.min(delivered, publisher.acknowledged() - acknowledgedBefore)
  return new Promise((resolve) => {
    let progress = -1
    const finish = (): void => {
      clearInterval(stall)
      resolve({ delivered, lost: sent - done(), duplicated })
    }
    const stall = setInterval(() => {
      if (progress === done()) finish()
      progress = done()
    }, STALL_MS)
    const pump = (): void => {
      if (performance.now() >= endMs) {
        if (done() === sent) finish()
        return
      }
      // Small gaps grow to a quarter of the window first, so that writes stay large.
      const free = window - (sent - done())
      if (free < window / 4) return
      publisher.send(phase, sent, free)
      sent += free
    }
    subscriber.onMessage = (messagePhase, sequence) => {
      if (messagePhase !== phase) return
      if (sequence >= seen.length) {
        const larger = new Uint8Array(2 * sequence)
        larger.set(seen)
        seen = larger
      }
      if (seen[sequence] === 1) duplicated++
      else delivered++
      seen[sequence] = 1
    }
    subscriber.afterRead = pump
    publisher.afterRead = pump
    pump()
  })
}

type Handlers = {
  readonly onPuback?: () => void
  readonly onPublish?: (first: number, bytes: Buffer, bodyAt: number) => void
  readonly afterRead?: () => void
}
type Connection = {
  readonly socket: Socket
  /** Resolves with the body of the next packet of this type. */
  readonly control: (type: number) => Promise<Buffer>
}

/** Resolves after a good CONNACK. A connection that breaks later ends the benchmark: there is no figure without it. */
async function openConnection(port: number, clientId: string, handlers: Handlers): Promise<Connection> {
  const awaited = new Map<number, (body: Buffer) => void>()
  const walk = packetWalker((type, first, bytes, bodyAt, end) => {
    if (type === 3) handlers.onPublish?.(first, bytes, bodyAt)
    else if (type === 4) handlers.onPuback?.()
    else awaited.get(type)?.(Buffer.from(bytes.subarray(bodyAt, end)))
  })
  const control = (type: number): Promise<Buffer> => new Promise((resolve) => awaited.set(type, resolve))
  const socket = connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafeSlow(64 * 1024),
      callback: (length, chunk) => {
        walk(chunk, length)
        handlers.afterRead?.()
        return true
      },
    },
  })
  socket.write(connectPacket(`${clientId}-${process.pid}`))
  const connack = await Promise.race([
    control(2),
    new Promise<never>((_, reject) => {
      socket.once('error', reject)
      socket.once('close', () => reject(new Error(`${clientId}: closed before CONNACK`)))
    }),
  ])
  assert.equal(connack[1], 0, `${clientId}: CONNACK ${connack[1]}`)
  return { socket, control }
}
