/**
 * What nodes of a peer that greeted bring to a broker: batches, whole and broken, again and again, over connections that end, of a link
 * that is switched off and on. A row of steps: operation, connection, length (4 bytes), payload.
 */
import assert from 'node:assert/strict'
import { generate } from 'mqtt-packet'
import type { LinkConfig } from '../../../src/config/config.ts'
import { ShortWriter } from '../../../src/lanes/batches/short-frame.ts'
import { LinkGate } from '../../../src/link/inbound/link-gate.ts'
import { encodeProbeFrame } from '../../../src/link/probe/probe-frame.ts'
import { batchOf, type BatchMessage, nowMs, peerConnect } from '../../link/inbound/batches.ts'
import { linkTo, StillClock } from '../../link/inbound/gate-bench.ts'
import { BrokerWorld } from '../broker-world.ts'
import type { Random } from '../random.ts'
import { StepCodec } from '../steps.ts'
import { byteMutation, type FuzzTarget } from '../target.ts'

const BYTES_MAX = 262_144
const CLIENTS = 2
const limits = { bufferBytesMax: 2 * 1_048_576, buffersBytesMax: 8 * 1_048_576, heapBytesMax: 64 * 2 ** 20 }
const codec = new StepCodec(['batch', 'batch', 'batch', 'gone', 'disable', 'enable', 'narrow'] as const)
const dictionary = [
  'c1',
  '9904',
  '9704',
  '9405',
  '9306',
  '9407',
  'cf0000000000000001',
  'ddffffffff',
  'c6ffffffff',
  'ffffffffffffff0f',
  '3003000174',
]
  .concat(['3206000174000100', '30ffffff7f', '01', '03', '244c494e4b2f'])
  .map((digits) => Buffer.from(digits, 'hex'))
const v5 = { protocolVersion: 5 } as const

export const batchesTarget: FuzzTarget = {
  name: 'batches',
  seeds: () => [
    codec.encode('batch', 0, batchOf({ sequence: 1 }, [{ topic: 'a/1' }, { topic: 'b', qos: 0 }])),
    codec.encode('batch', 1, batchOf({ sequence: 2, isCompressed: true }, [{ topic: 'a/1' }, { topic: 'a/2' }])),
    codec.encode('batch', 0, encodeProbeFrame({ type: 'probe', id: 7, sentAtMs: nowMs })),
    codec.encode('batch', 1, encodeProbeFrame({ type: 'probe_answer', id: 7, receivedAtMs: nowMs, sentAtMs: nowMs })),
    Buffer.concat(shortened(seedBatches()).map((frame) => codec.encode('batch', 0, frame))),
  ],
  generate: (random) =>
    Buffer.concat(random.chance(0.3) ? shortSteps(random) : random.list(1 + random.size(20), () => anyStep(random))),
  mutate: byteMutation({ dictionary, bytesMax: BYTES_MAX }),
  run(input, meter) {
    const world = new BrokerWorld(BYTES_MAX, CLIENTS)
    const { gate, setLink } = gateOf(world)
    const connected = new Set<number>()
    const turns = (first: () => void): void => {
      meter.turn(limits, first)
      do meter.turn(limits, () => world.endTurn())
      while (meter.turn(limits, () => world.proceed()))
    }
    for (const { operation, client, payload } of codec.decode(input)) {
      const at = client % CLIENTS
      if (operation === 'gone') turns(() => world.socket(at, 'gone'))
      else if (operation !== 'batch') setLink({ enable: operation !== 'disable', topics: topicsOf[operation] })
      else turns(() => world.receive(at, packetOf(at, payload, connected.has(at))))
      // A connection that ended begins anew with a CONNECT.
      if (operation === 'batch') connected.add(at)
      for (const one of connected) if (!world.isOpen(one)) connected.delete(one)
    }
    check(gate)
    world.speak()
    const { faults, spoken, heard } = world.account()
    assert.deepEqual(faults, [])
    for (const text of spoken) assert.ok(Buffer.concat(heard).includes(text), 'messages of the others')
    gate.stop()
  },
}

const topicsOf = { disable: ['#'], enable: ['a/#', 'b'], narrow: ['b'] } as const

function gateOf(world: BrokerWorld): { gate: LinkGate; setLink: (change: Partial<LinkConfig>) => void } {
  const { broker } = world
  let link: LinkConfig = { ...linkTo('far'), topics: topicsOf.enable }
  const gate = new LinkGate({
    localCluster: 'here',
    self: { node: 'h', boot: '0123456789abcdef' },
    clock: new StillClock(),
    broker,
    link: (peer) => (peer === 'far' ? link : undefined),
    sinkOf: () => undefined,
    termBytesMax: () => BYTES_MAX,
    probed: () => ({
      probeAsked: (_peer, _node, id) => encodeProbeFrame({ type: 'probe_answer', id, receivedAtMs: 1, sentAtMs: 2 }),
      probeAnswered: () => undefined,
      batchReceived: () => undefined,
    }),
    log: broker.log,
    changed: () => undefined,
  })
  broker.linkInlet = gate
  const setLink = (change: Partial<LinkConfig>): void => {
    link = { ...link, ...change }
    gate.linksChanged()
  }
  return { gate, setLink }
}

function packetOf(client: number, payload: Buffer, isConnected: boolean): Buffer {
  const topic = '$LINK/cluster/msg/far'
  const packet = generate({ cmd: 'publish', topic, payload, qos: 1, messageId: 1, dup: false, retain: false }, v5)
  return isConnected ? packet : Buffer.concat([generate(peerConnect('far', `f${client}`), v5), packet])
}

function check(gate: LinkGate): void {
  const { received, accepted, maybe_duplicate, ...refused } = gate.inboundStatus('far')?.messages ?? none
  assert.equal(
    received,
    Object.values(refused).reduce((sum, count) => sum + count, accepted),
  )
  assert.ok(maybe_duplicate <= received)
}

const none = { received: 0, accepted: 0, maybe_duplicate: 0 }

function anyStep(random: Random): Buffer {
  const client = random.below(CLIENTS)
  if (random.chance(0.1)) return codec.encode(random.pick(['gone', 'disable', 'enable', 'narrow'] as const), client)
  const frame = anyBatch(random)
  if (random.chance(0.3)) frame[random.below(frame.length)] = random.below(256)
  return codec.encode('batch', client, random.chance(0.05) ? frame.subarray(0, random.below(frame.length)) : frame)
}

/** As the end of a connection sends them that leaves out what it said before: the first one is whole. */
function shortened(frames: readonly Buffer[]): Buffer[] {
  const writer = new ShortWriter()
  return frames.map((frame) => writer.encode(frame))
}

/** Publishers that are told once, both lanes, QoS 0, one that is sent again. */
function seedBatches(): Buffer[] {
  const message = { topic: 'a/1', from: 'p' }
  return [
    batchOf({ sequence: 1 }, [message]),
    batchOf({ sequence: 2, sentAtMs: nowMs + 5 }, [message, { topic: 'b', from: 'q' }]),
    batchOf({ sequence: 4, lane: 1, isResent: true, sentAtMs: nowMs + 5 }, [message]),
    batchOf({ sequence: 0, sentAtMs: nowMs + 9 }, [{ topic: 'a/2', qos: 0, from: 'q' }]),
  ]
}

/** Batches over one connection that were shortened, some of them broken afterwards. */
function shortSteps(random: Random): Buffer[] {
  let sequence = 0
  let sentAtMs = nowMs
  const frames = random.list(2 + random.size(20), () => {
    sequence += random.below(3)
    sentAtMs += random.below(1_000)
    const lane = random.pick([0, 1] as const)
    const messages = random.list(1 + random.size(5), () => anyMessage(random))
    return batchOf(
      { sequence: random.chance(0.2) ? 0 : sequence, lane, sentAtMs, isResent: random.chance(0.1) },
      messages,
    )
  })
  return shortened(frames).map((frame) => {
    if (random.chance(0.1)) frame[random.below(frame.length)] = random.below(256)
    return codec.encode('batch', 0, frame)
  })
}

function anyBatch(random: Random): Buffer {
  const head = {
    sequence: random.below(6),
    epoch: random.below(3),
    lane: random.pick([0, 1] as const),
    isResent: random.chance(0.3),
    isCompressed: random.chance(0.2),
    isTold: random.chance(0.1),
  }
  return batchOf(
    head,
    random.list(1 + random.size(random.chance(0.02) ? 1_000 : 20), () => anyMessage(random)),
  )
}

const topics = ['a', 'a/1', 'a/2', 'b', 'c', '$SYS/x', '$LINK/cluster/msg/far', '/////', 'a/'.repeat(100)]

function anyMessage(random: Random): BatchMessage {
  const messageExpiryInterval = random.pick([0, 1, 60, 0xffff_ffff])
  return {
    topic: random.chance(0.2) ? `a/${random.uint32()}` : random.pick(topics),
    qos: random.pick([0, 1, 2] as const),
    retain: random.chance(0.2),
    payload: random.bytes(random.size(200)),
    from: random.pick(['p', 'q', '']),
    properties: random.chance(0.2) ? { messageExpiryInterval } : undefined,
  }
}
