/**
 * All that a peer's connection can do to the link runtime: route operations, messages, answers, in any order, on several connections,
 * while links are switched off and on. The input is a row of steps: operation, connection, length (4 bytes), payload.
 */
import assert from 'node:assert/strict'
import { encodeLinkMessage, messageId } from '../../../src/link/emqx/link-message.ts'
import { encodeRouteMessage } from '../../../src/link/emqx/route-ops.ts'
import type { RouteOp } from '../../../src/routes/route-op.ts'
import { BenchClient, GateBench, publishOf } from '../../link/inbound/gate-bench.ts'
import type { Random } from '../random.ts'
import { StepCodec } from '../steps.ts'
import { byteMutation, type FuzzTarget, tokens } from '../target.ts'
import { TermMaker, uint } from '../term-maker.ts'
import { recordedTerms } from './terms.ts'

const BYTES_MAX = 262_144
const limits = { bufferBytesMax: 1_048_576 + 1024, buffersBytesMax: 4 * 1_048_576, heapBytesMax: 64 * 2 ** 20 }
const operations = ['route', 'message', 'subscribe', 'close', 'wait', 'disable', 'enable', 'delete', 'raw'] as const
const codec = new StepCodec(operations)
const step = codec.encode.bind(codec)
const topics = [
  'a',
  'a/b',
  'a/+',
  '#',
  'wild/+/x',
  '$share/g/a',
  '$LINK/cluster/route/cl.a',
  '',
  'a//b',
  'x'.repeat(300),
  '+/#/bad',
]

export const linkTarget: FuzzTarget = {
  name: 'link',
  seeds: () => [
    Buffer.concat(
      recordedTerms()
        .slice(0, 60)
        .map((payload) => step('route', 0, payload)),
    ),
  ],
  generate: (random) =>
    Buffer.concat([step('route', 0, init(random)), ...random.list(random.size(30), () => anyStep(random))]),
  mutate: byteMutation({
    dictionary: [...tokens('cl.a cl.b a/+ # $LINK/cluster/route/'), Buffer.of(131, 80), uint(2 ** 31, 4)],
    bytesMax: BYTES_MAX,
  }),
  async run(input, meter) {
    const bench = new GateBench('cl.b')
    bench.setLink('cl.a', { topics: ['a/#', 'wild/#'] })
    const clients = [new BenchClient('c0'), new BenchClient('c1'), new BenchClient('c2', 4)]
    for (const { operation, client, payload } of codec.decode(input)) {
      const at = client % clients.length
      meter.turn(limits, () => perform(bench, operation, clients[at]!, payload))
      await Promise.resolve()
      if (operation === 'close') clients[at] = new BenchClient(`c${at}`, at === 2 ? 4 : 5)
    }
    check(bench)
    for (const client of clients) bench.gate.closed(client)
    bench.deleteLink('cl.a')
    assert.equal(bench.attached.size, 0, 'routes are left of a link that was deleted')
    bench.gate.stop()
    assert.equal(bench.clock.armed, 0, 'a timer is left of a link that was deleted')
  },
}

function perform(bench: GateBench, operation: (typeof operations)[number], client: BenchClient, payload: Buffer): void {
  const { gate, clock } = bench
  const properties = { responseTopic: '$LINK/cluster/resp/cl.a/n1', correlationData: Buffer.from('c') }
  switch (operation) {
    case 'route':
      gate.publish(client, publishOf('$LINK/cluster/route/cl.a', payload, { properties }))
      return
    case 'message':
      gate.publish(client, publishOf('$LINK/cluster/msg/cl.a', payload))
      return
    case 'raw':
      gate.publish(
        client,
        publishOf(`$LINK/${payload.toString('utf8', 0, 200)}`, payload, payload.length % 2 ? { properties } : {}),
      )
      return
    case 'subscribe':
      gate.subscribe(client, `$LINK/${payload.toString('utf8', 0, 200)}`, 2)
      return
    case 'close':
      gate.closed(client)
      return
    case 'wait':
      clock.pass(payload.length === 0 ? 1000 : (payload[0]! * 500) % 100_000)
      return
    case 'disable':
    case 'enable':
      bench.setLink('cl.a', { enable: operation === 'enable' })
      return
    case 'delete':
      bench.deleteLink('cl.a')
      bench.setLink('cl.a')
  }
}

function check({ delivered, gate, attached }: GateBench): void {
  for (const { topic, origin } of delivered) {
    assert.equal(origin, 'cl.a')
    assert.ok(!topic.startsWith('$LINK/'), `${topic} was delivered`)
  }
  const status = gate.inboundStatus('cl.a')
  assert.ok(status !== undefined)
  assert.equal(status.routes, attached.size)
  const { received, accepted, duplicate, not_in_topics, link_disabled, malformed } = status.messages
  assert.equal(received, accepted + duplicate + not_in_topics + link_disabled + malformed)
}

function anyStep(random: Random): Buffer {
  const client = random.below(3)
  const kind = random.fraction()
  if (kind < 0.15) return step('route', client, init(random))
  if (kind < 0.4) return step('route', client, batch(random))
  if (kind < 0.5)
    return step(
      'route',
      client,
      encodeRouteMessage({ type: 'heartbeat', actor: actor(random), incarnation: random.below(3) }),
    )
  if (kind < 0.7) return step('message', client, message(random))
  if (kind < 0.8) return step(random.pick(operations), client, new TermMaker(random).whole())
  if (kind < 0.83) return step(random.pick(['route', 'message'] as const), client, new TermMaker(random).bomb())
  return step(
    random.pick(operations),
    client,
    Buffer.from(random.pick(['cluster/resp/cl.a/n1', 'cluster/route/', '#', 'x'])),
  )
}

const actor = (random: Random): string => random.pick(['n1', 'n1', 'n1', 'n2', '', 'ä'])

function init(random: Random): Buffer {
  const targetCluster = random.pick(['cl.b', 'cl.b', 'cl.b', 'cl.x', ''])
  return encodeRouteMessage({
    type: 'actor_init',
    actor: actor(random),
    incarnation: random.below(4),
    targetCluster,
    protocolVersion: 1,
  })
}

function batch(random: Random): Buffer {
  const ops = random.list(random.size(4000), (): RouteOp => {
    const topicFilter = random.chance(0.5) ? random.pick(topics) : `a/${random.below(5000)}`
    return { type: random.chance(0.8) ? 'add' : 'delete', topicFilter, id: random.chance(0.9) ? topicFilter : 'other' }
  })
  return encodeRouteMessage(
    { type: 'route', actor: actor(random), incarnation: 1, ops },
    random.chance(0.3) ? { compressFromBytes: 0 } : {},
  )
}

function message(random: Random): Buffer {
  const properties = random.chance(0.5)
    ? undefined
    : { messageExpiryInterval: random.below(100), userProperties: [['a', 'b']] as const, contentType: 'x' }
  return encodeLinkMessage(
    publishOf(random.pick(topics), random.bytes(random.size(500)), {
      properties,
      retain: random.chance(0.3),
      peerHost: random.pick(['127.0.0.1', '::1', undefined]),
    }),
    messageId(0, Buffer.alloc(6), 1),
  )
}
