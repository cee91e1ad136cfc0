/** Hooks of real nodes: modules that the configuration names, functions of the library's door, and the two examples. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import mqtt from 'mqtt'
import { type ConfigInput, ConfigurationError, createNode, type Hooks, type Node } from '../../src/index.ts'
import { isthmus } from '../e2e/isthmus.ts'

const EXAMPLES = resolve('scripts/hooks')

function directory(t: TestContext): string {
  const created = mkdtempSync(join(tmpdir(), 'isthmus-hooks-'))
  t.after(() => rmSync(created, { recursive: true }))
  return created
}

async function start(t: TestContext, name: string, config: ConfigInput, hooks?: Hooks): Promise<Node> {
  const node = createNode(configOf(directory(t), name, config), hooks === undefined ? {} : { hooks })
  t.after(() => node.stop())
  await node.start()
  return node
}

const configOf = (dataDir: string, name: string, config: ConfigInput): ConfigInput => ({
  listeners: { tcp: { default: { bind: '127.0.0.1:0' } } },
  ...config,
  node: { name: `${name}@127.0.0.1`, data_dir: join(dataDir, 'data') },
  cluster: { name, ...config.cluster },
})

const addressOf = (node: Node): string => node.status().listeners['tcp:default'] ?? ''

async function connect(t: TestContext, node: Node) {
  const client = await mqtt.connectAsync(`mqtt://${addressOf(node)}`, { protocolVersion: 5, reconnectPeriod: 0 })
  t.after(() => void client.end(true))
  return client
}

async function until(question: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 20_000
  while (!question()) {
    assert.ok(Date.now() < giveUpAt, 'did not come about within 20 s')
    await delay(10)
  }
}

for (const { what, text, says } of [
  {
    what: 'has a hook of another name',
    text: `export default { 'mesage.publish'() {} }`,
    says: /mine\.mjs: unknown hook "mesage\.publish"; did you mean "message\.publish"\?/,
  },
  {
    what: 'has a hook that is no function',
    text: `export default { 'client.connected': 5 }`,
    says: /mine\.mjs: "client\.connected" is no function/,
  },
  { what: 'exports nothing', text: `const a = 1`, says: /mine\.mjs has no hooks; expected export default/ },
  { what: 'is no module', text: `export default {`, says: /mine\.mjs can't be loaded: SyntaxError/ },
])
  test(`a node does not start with a module that ${what}, and says so`, async (t) => {
    const file = join(directory(t), 'mine.mjs')
    writeFileSync(file, text)
    const node = createNode(configOf(directory(t), 'a', { hooks: [file] }))
    t.after(() => node.stop())
    await assert.rejects(node.start(), (error) => {
      assert.ok(error instanceof ConfigurationError)
      assert.match(error.message, says)
      assert.equal(error.errors[0]?.key, 'hooks[0]')
      return true
    })
  })

test('the command ends with 2 and names the file, which counts from the configuration', async (t) => {
  const dir = directory(t)
  writeFileSync(join(dir, 'mine.mjs'), `export default { nothing() {} }`)
  const config = join(dir, 'a.conf')
  writeFileSync(
    config,
    `node.data_dir = "${dir}/data"\nlisteners.tcp.default.bind = "127.0.0.1:0"\nhooks = ["./mine.mjs"]`,
  )
  const { code, stderr } = await isthmus('start', '--config', config)
  assert.equal(code, 2)
  assert.match(stderr, /hooks\[0\]: .*mine\.mjs: unknown hook "nothing"; there are: client\.connected,/)
})

test('functions given to createNode are judged like a module', () => {
  const hooks = { 'client.conected': () => undefined } as Hooks
  assert.throws(() => createNode({}, { hooks }), /unknown hook "client\.conected"; did you mean "client\.connected"/)
})

const linkTo = (peer: string, node: Node, topics: string[], dialect: 'native' | 'emqx') => ({
  name: peer,
  server: addressOf(node),
  topics,
  dialect,
})

for (const dialect of ['native', 'emqx'] as const)
  test(`message.publish sees no message that came over a link, in the dialect ${dialect}, unless it asks for them`, async (t) => {
    const seen: string[] = []
    const note = (who: string) => (message: { topic: string; origin: string | undefined }) =>
      void seen.push(`${who} ${message.topic} ${message.origin}`)
    const east = await start(t, 'east', {})
    const west = await start(t, 'west', {}, { 'message.publish': note('plain') })
    const asking = await start(
      t,
      'asking',
      {},
      {
        'message.publish': {
          linked: true,
          run(message) {
            note('asking')(message)
            if (message.topic === 't/no') return false
            return { payload: `changed ${String(message.payload)}` }
          },
        },
      },
    )
    const links = (name: string, node: Node, list: ReturnType<typeof linkTo>[]) =>
      node.reconfigure({
        ...configOf(directory(t), name, { cluster: { links: list } }),
      })
    await links('east', east, [linkTo('west', west, [], dialect), linkTo('asking', asking, [], dialect)])
    await links('west', west, [linkTo('east', east, ['t/#'], dialect)])
    await links('asking', asking, [linkTo('east', east, ['t/#'], dialect)])
    const got: string[] = []
    for (const node of [west, asking]) {
      const subscriber = await connect(t, node)
      const { cluster } = node.status()
      subscriber.on('message', (topic, payload) => got.push(`${cluster} ${topic} ${String(payload)}`))
      await subscriber.subscribeAsync('t/#', { qos: 1 })
    }
    await until(() => east.status().links.every(({ state, routes }) => state === 'running' && routes.peers > 0))
    const publisher = await connect(t, east)
    await publisher.publishAsync('t/no', 'a', { qos: 1 })
    await publisher.publishAsync('t/yes', 'b', { qos: 1 })
    await until(() => got.length >= 3)
    assert.deepEqual(got.toSorted(), ['asking t/yes changed b', 'west t/no a', 'west t/yes b'])
    const local = await connect(t, west)
    await local.publishAsync('t/here', 'c', { qos: 1 })
    assert.deepEqual(seen, ['asking t/no east', 'asking t/yes east', 'plain t/here undefined'])
  })

test('the example that writes messages to a file has them all there when the node has stopped', async (t) => {
  const file = join(directory(t), 'messages.jsonl')
  process.env['ISTHMUS_MESSAGES_FILE'] = file
  const node = await start(t, 'a', { hooks: [join(EXAMPLES, 'messages-to-file.mjs')] })
  const client = await connect(t, node)
  for (let i = 0; i < 50; i++) await client.publishAsync(`t/${i}`, `payload ${i}`, { qos: 1 })
  await node.stop()
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  const written = lines.map((line) => JSON.parse(line) as { topic: string; payload: string })
  assert.deepEqual(
    written.map(({ topic, payload }) => `${topic} ${Buffer.from(payload, 'base64').toString()}`),
    Array.from({ length: 50 }, (_, i) => `t/${i} payload ${i}`),
  )
})

type LineFile = { add(value: unknown): void; flush(): Promise<void>; readonly waiting: number }

test(
  'its lines wait while the disk is full, and are written once there is room',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const file = join(directory(t), 'lines')
    symlinkSync('/dev/full', file)
    const { LineFile } = (await import(pathToFileURL(join(EXAMPLES, 'messages-to-file.mjs')).href)) as {
      LineFile: new (file: string) => LineFile
    }
    const lines = new LineFile(file)
    lines.add({ n: 1 })
    await lines.flush()
    lines.add({ n: 2 })
    await lines.flush()
    assert.equal(lines.waiting, 2)
    unlinkSync(file)
    await until(() => lines.waiting === 0)
    await until(() => existsSync(file) && readFileSync(file, 'utf8') === '{"n":1}\n{"n":2}\n')
  },
)

test('the example that calls a webhook posts in order, tries again, and keeps nobody waiting', async (t) => {
  const bodies: { events: { event: string; topic?: string }[]; lost: number }[] = []
  let refusals = 2
  const tokens = new Set<string | undefined>()
  const server = createServer((request, response) => {
    void read(request).then((text) => {
      tokens.add(request.headers.authorization)
      const isRefused = refusals-- > 0
      if (!isRefused) bodies.push(JSON.parse(text) as (typeof bodies)[number])
      return response.writeHead(isRefused ? 503 : 204).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  process.env['ISTHMUS_WEBHOOK_URL'] = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  process.env['ISTHMUS_WEBHOOK_TOKEN'] = 'token'
  const node = await start(t, 'a', { hooks: [join(EXAMPLES, 'webhook.mjs')] })
  const client = await connect(t, node)
  // Answered while the server takes nothing yet.
  for (let i = 0; i < 250; i++) await client.publishAsync(`t/${i}`, 'x', { qos: 1 })
  await client.endAsync()
  await node.stop()
  const events = bodies.flatMap((body) => body.events)
  assert.deepEqual(
    events.map(({ event, topic }) => topic ?? event),
    ['client.connected', ...Array.from({ length: 250 }, (_, i) => `t/${i}`), 'client.disconnected'],
  )
  assert.deepEqual([bodies.every(({ lost }) => lost === 0), refusals < 0], [true, true])
  assert.deepEqual([...tokens], ['Bearer token'])
})

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

test('the table in the README names each hook with its arguments, and no other', () => {
  const section = readFileSync('README.md', 'utf8').split('\n## Hooks\n')[1]?.split('\n## ')[0] ?? ''
  const rows = [...section.matchAll(/^\| `([a-z]+\.[a-z]+)` \| (.+?) \|/gm)]
  const documented = rows.map(([, name = '', given = '']) => `${name}(${given.replaceAll('`', '')})`)
  const code = readFileSync('src/broker/hooks/hook.ts', 'utf8')
  const declared = [...code.matchAll(/^ {2}'([a-z.]+)'\((.*)\): /gm)].map(([, name = '', given = '']) => {
    return `${name}(${given.replaceAll(/: [^,]+/g, '')})`
  })
  assert.ok(declared.length >= 8, 'the types were not read at all')
  assert.deepEqual(documented, declared)
})
