/** Traces of real nodes, linked clusters in this process, and a collector that is a server of this file. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import mqtt, { type IClientPublishOptions } from 'mqtt'
import { type ConfigInput, createNode, type Node } from '../../../src/index.ts'
import type { Logger } from '../../../src/broker/logger.ts'
import { startNats } from '../../cluster/nats-server.ts'

type Attribute = { readonly key: string; readonly value: { readonly stringValue?: string } }
type Span = {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly attributes: readonly Attribute[]
}
type Told = Span & { readonly node: string }
type Body = {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] }
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[]
  }[]
}

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PUBLISHER = 'b7ad6b7169203331'

/** Takes OTLP over HTTP, as JSON. */
async function startCollector(t: TestContext) {
  const spans: Told[] = []
  const tokens = new Set<unknown>()
  const server = createServer((request, response) => {
    void read(request).then((text) => {
      assert.equal(request.url, '/v1/traces')
      tokens.add(request.headers['x-token'])
      const body = JSON.parse(text) as Body
      for (const { resource, scopeSpans } of body.resourceSpans) {
        const node = valueOf(resource.attributes, 'service.instance.id')
        for (const scope of scopeSpans) for (const span of scope.spans) spans.push({ ...span, node })
      }
      return response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans, tokens }
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

const valueOf = (attributes: readonly Attribute[], key: string): string =>
  attributes.find((one) => one.key === key)?.value.stringValue ?? ''

type Traces = NonNullable<ConfigInput['opentelemetry']>['traces']

const tracedBy = (endpoint: string, traces: Traces = {}): ConfigInput => ({
  opentelemetry: {
    exporter: { endpoint, headers: { 'x-token': 'secret' } },
    traces: { enable: true, scheduled_delay: '20ms', ...traces },
  },
})

async function start(t: TestContext, name: string, cluster: string, config: ConfigInput, log?: Logger) {
  const dataDir = mkdtempSync(join(tmpdir(), 'isthmus-traces-'))
  const whole: ConfigInput = {
    listeners: { tcp: { default: { bind: '127.0.0.1:0' } } },
    ...config,
    node: { name: `${name}@127.0.0.1`, data_dir: dataDir },
    cluster: { name: cluster, ...config.cluster },
  }
  const node = createNode(whole, log === undefined ? {} : { log })
  t.after(async () => {
    await node.stop()
    rmSync(dataDir, { recursive: true })
  })
  await node.start()
  const relink = (links: NonNullable<ConfigInput['cluster']>['links']) =>
    node.reconfigure({ ...whole, cluster: { ...whole.cluster, links } })
  return { node, relink }
}

const addressOf = (node: Node): string => node.status().listeners['tcp:default'] ?? ''

async function connect(t: TestContext, node: Node, protocolVersion: 4 | 5 = 5) {
  const client = await mqtt.connectAsync(`mqtt://${addressOf(node)}`, { protocolVersion, reconnectPeriod: 0 })
  t.after(() => void client.end(true))
  return client
}

async function until(question: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 25_000
  while (!question()) {
    assert.ok(Date.now() < giveUpAt, 'did not come about within 25 s')
    await delay(10)
  }
}

type Arrived = { readonly at: string; readonly traceparent: unknown; readonly payload: string }

async function subscribe(t: TestContext, node: Node, at: string, got: Arrived[]): Promise<void> {
  const client = await connect(t, node)
  client.on('message', (_topic, payload, { properties }) => {
    got.push({ at, traceparent: properties?.userProperties?.['traceparent'], payload: String(payload) })
  })
  await client.subscribeAsync('t/#', { qos: 1 })
}

/** As a tree, a line each: name, node, and whose child it is. */
function family(spans: readonly Told[]): string[] {
  const nameOf = new Map(spans.map(({ spanId, name, node }) => [spanId, `${name} ${node.split('@')[0]}`]))
  return spans
    .map(({ spanId, parentSpanId = '' }) => {
      const parent = parentSpanId === PUBLISHER ? 'publisher' : (nameOf.get(parentSpanId) ?? `? ${parentSpanId}`)
      return `${nameOf.get(spanId)} < ${parent}`
    })
    .toSorted()
}

const properties = (flags = '01'): IClientPublishOptions => ({
  qos: 1,
  properties: { userProperties: { first: 'kept', traceparent: `00-${TRACE}-${PUBLISHER}-${flags}`, last: 'kept' } },
})

test('one trace leads from the publisher over a link to the subscribers on both nodes of the peer', async (t) => {
  const collector = await startCollector(t)
  const nats = await startNats(t)
  const traced = tracedBy(collector.endpoint)
  const a = await start(t, 'a', 'east', traced)
  const links = [{ name: 'east', server: addressOf(a.node), topics: ['t/#'] }]
  const members = { ...traced, cluster: { nats: { servers: [nats.url] }, links } }
  const [b1, b2] = [await start(t, 'b1', 'west', members), await start(t, 'b2', 'west', members)]
  await a.relink([{ name: 'west', server: addressOf(b1.node), topics: [] }])
  const got: Arrived[] = []
  await subscribe(t, a.node, 'a', got)
  await subscribe(t, b1.node, 'b1', got)
  await subscribe(t, b2.node, 'b2', got)
  await until(() => a.node.status().links.every(({ state, routes }) => state === 'running' && routes.peers > 0))
  const publisher = await connect(t, a.node)
  const arrivals = ['a', 'b1', 'b2']
  // Until b1 knows that b2 wants it, too.
  for (let i = 0; !arrivals.every((at) => got.some((one) => one.at === at)); i++) {
    await publisher.publishAsync('t/warm', 'warm')
    await delay(i > 1_000 ? assert.fail('not all nodes get what is published') : 20)
  }
  await publisher.publishAsync('t/x', 'traced', properties())
  await until(() => arrivals.every((at) => got.some((one) => one.at === at && one.payload === 'traced')))
  await until(() => collector.spans.length >= 6)
  assert.deepEqual(family(collector.spans), [
    'crossing a < publish a',
    'delivery a < publish a',
    'delivery b1 < receive b1',
    'delivery b2 < receive b1',
    'publish a < publisher',
    'receive b1 < crossing a',
  ])
  assert.ok(collector.spans.every(({ traceId }) => traceId === TRACE))
  assert.ok(collector.spans.every(({ attributes }) => valueOf(attributes, 'messaging.destination.name') === 't/x'))
  assert.deepEqual([...collector.tokens], ['secret'])
  // Each subscriber is told the span that its delivery belongs to.
  const spanOf = (name: string) => collector.spans.find((span) => span.name === name)?.spanId
  const told = got.filter(({ payload }) => payload === 'traced')
  assert.deepEqual(Object.fromEntries(told.map(({ at, traceparent }) => [at, traceparent])), {
    a: `00-${TRACE}-${spanOf('publish')}-01`,
    b1: `00-${TRACE}-${spanOf('receive')}-01`,
    b2: `00-${TRACE}-${spanOf('receive')}-01`,
  })
})

test('in EMQX’s dialect the trace crosses as well', async (t) => {
  const collector = await startCollector(t)
  const traced = tracedBy(collector.endpoint)
  const [a, b] = [await start(t, 'a', 'east', traced), await start(t, 'b', 'west', traced)]
  const dialect = 'emqx'
  await a.relink([{ name: 'west', server: addressOf(b.node), topics: [], dialect }])
  await b.relink([{ name: 'east', server: addressOf(a.node), topics: ['t/#'], dialect }])
  const got: Arrived[] = []
  await subscribe(t, b.node, 'b', got)
  await until(() => a.node.status().links.every(({ state, routes }) => state === 'running' && routes.peers > 0))
  const publisher = await connect(t, a.node)
  await publisher.publishAsync('t/x', 'traced', properties())
  await until(() => collector.spans.length >= 4)
  assert.deepEqual(family(collector.spans), [
    'crossing a < publish a',
    'delivery b < receive b',
    'publish a < publisher',
    'receive b < crossing a',
  ])
})

for (const { when, traces, flags, adds } of [
  { when: 'comes without a trace', traces: {}, flags: undefined, adds: false },
  { when: 'has a trace that is not sampled', traces: { filter: { trace_all: true } }, flags: '00', adds: false },
  {
    when: 'comes without one, and all are traced',
    traces: { filter: { trace_all: true } },
    flags: undefined,
    adds: true,
  },
  {
    when: 'comes without one, and none of all is picked',
    traces: { filter: { trace_all: true }, sample_ratio: 0 },
    flags: undefined,
    adds: false,
  },
] as const)
  for (const version of [4, 5] as const) {
    if (version === 4 && flags !== undefined) continue
    test(`MQTT ${version}: a message that ${when} is ${adds ? '' : 'not '}followed`, async (t) => {
      const collector = await startCollector(t)
      const { node } = await start(t, 'a', 'east', tracedBy(collector.endpoint, traces))
      const got: Arrived[] = []
      await subscribe(t, node, 'a', got)
      const publisher = await connect(t, node, version)
      await publisher.publishAsync('t/x', 'payload', flags === undefined ? { qos: 1 } : properties(flags))
      await until(() => got.length > 0)
      const [{ traceparent, payload }] = got as [Arrived]
      assert.equal(payload, 'payload')
      if (adds) assert.match(String(traceparent), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
      else assert.equal(traceparent, flags === undefined ? undefined : `00-${TRACE}-${PUBLISHER}-${flags}`)
      await node.stop()
      assert.deepEqual(collector.spans.map(({ name }) => name).toSorted(), adds ? ['delivery', 'publish'] : [])
    })
  }

test('while traces are off, what a publisher sends is passed on as it is, and nothing is added', async (t) => {
  const { node } = await start(t, 'a', 'east', {})
  const got: Arrived[] = []
  await subscribe(t, node, 'a', got)
  const publisher = await connect(t, node)
  await publisher.publishAsync('t/x', 'one', { qos: 1 })
  await publisher.publishAsync('t/x', 'two', properties())
  await until(() => got.length === 2)
  assert.deepEqual(
    got.map(({ traceparent }) => traceparent),
    [undefined, `00-${TRACE}-${PUBLISHER}-01`],
  )
})

test('a collector that refuses costs no message; its spans are counted, and it is told once', async (t) => {
  const server = createServer((_request, response) => void response.writeHead(400).end('no'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const events: string[] = []
  const note = (_fields: object, event: string): void => void events.push(event)
  const log = { debug: note, info: note, warn: note, error: note }
  const config = { ...tracedBy(endpoint), dashboard: { listeners: { http: { bind: '127.0.0.1:0' } } } }
  const { node } = await start(t, 'a', 'east', config, log)
  const got: Arrived[] = []
  await subscribe(t, node, 'a', got)
  const publisher = await connect(t, node)
  const metrics = async () => (await fetch(`http://${node.status().api}/metrics`)).text()
  for (let i = 0; i < 3; i++) await publisher.publishAsync('t/x', `${i}`, properties())
  await until(() => got.length === 3)
  let text = ''
  const giveUpAt = Date.now() + 20_000
  while (!/isthmus_trace_spans_total\{[^}]*result="failed"[^}]*\} 6/.test((text = await metrics())))
    assert.ok(Date.now() < giveUpAt, text.match(/isthmus_trace.*/g)?.join('\n'))
  assert.equal(events.filter((event) => event === 'traces_export_failed').length, 1)
})
