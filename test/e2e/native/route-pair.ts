/** Two clusters of one node each in this process, linked both ways over relays that know connections for routes from others. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import mqtt, { type MqttClient } from 'mqtt'
import { freePort } from '../../../src/cli/demo/free-ports.ts'
import { listenOnFreePort } from '../../../src/cli/demo/relay.ts'
import { createNode, type ConfigInput, type Node, type NodeLink } from '../../../src/index.ts'
import { temporaryDirectory } from '../clusters.ts'

export type LinkSettings = Partial<NonNullable<NonNullable<ConfigInput['cluster']>['links']>[number]>
export type LogLine = { readonly level: string; readonly event: string; readonly fields: object }

/** One side as it is configured now, and as it runs. */
export class Side {
  readonly name: string
  readonly port: number
  readonly log: LogLine[] = []
  readonly #dataDir = temporaryDirectory()
  readonly #linkServer: string
  readonly #peer: string
  #settings: LinkSettings | undefined
  #node: Node | undefined

  constructor(name: string, port: number, peer: string, linkServer: string, settings: LinkSettings) {
    this.name = name
    this.port = port
    this.#peer = peer
    this.#linkServer = linkServer
    this.#settings = settings
  }

  get node(): Node {
    assert.ok(this.#node !== undefined, `${this.name} runs`)
    return this.#node
  }

  get link(): NodeLink {
    const link = this.node.status().links[0]
    assert.ok(link !== undefined, `${this.name} has its link`)
    return link
  }

  async start(t: TestContext): Promise<void> {
    const at = (level: string) => (fields: object, event: string) => void this.log.push({ level, event, fields })
    const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
    const node = createNode(this.#config, { log })
    t.after(() => node.stop())
    await node.start()
    this.#node = node
  }

  async stop(): Promise<void> {
    await this.node.stop()
    this.#node = undefined
  }

  /** @param settings `undefined`: without the link */
  async relink(settings: LinkSettings | undefined): Promise<void> {
    this.#settings = settings
    await this.node.reconfigure(this.#config)
  }

  /** @param clientId of one whose session is kept */
  async client(t: TestContext, clientId?: string): Promise<MqttClient> {
    const kept = clientId === undefined ? {} : { clientId, clean: false, properties: { sessionExpiryInterval: 600 } }
    const options = { protocolVersion: 5, reconnectPeriod: 0, ...kept } as const
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${this.port}`, options)
    t.after(() => void client.end(true))
    return client
  }

  async until(what: string, holds: (link: NodeLink) => boolean): Promise<NodeLink> {
    const giveUpAt = Date.now() + 20_000
    for (;;) {
      const { link } = this
      if (holds(link)) return link
      assert.ok(Date.now() < giveUpAt, `${this.name}: ${what} did not come about; ${JSON.stringify(link)}`)
      await delay(5)
    }
  }

  running(): Promise<NodeLink> {
    return this.until('running', ({ state }) => state === 'running')
  }

  get #config(): ConfigInput {
    const { name, port } = this
    const settings = this.#settings
    const link = { name: this.#peer, server: this.#linkServer, topics: ['#'], pool_size: 1 }
    return {
      node: { name: `${name}@127.0.0.1`, data_dir: join(this.#dataDir, name) },
      cluster: { name, links: settings === undefined ? [] : [{ ...link, ...settings }] },
      listeners: { tcp: { default: { bind: `127.0.0.1:${port}` } } },
    }
  }
}

/** Passes everything on, and counts what passes on connections for routes, both ways. */
export type RouteRelay = { readonly port: number; bytes(): number; connections(): number; cut(): void }

async function startRouteRelay(t: TestContext, port: number): Promise<RouteRelay> {
  const sockets = new Set<Socket>()
  let bytes = 0
  let connections = 0
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    let isForRoutes = false
    for (const socket of [near, far]) sockets.add(socket.setNoDelay(true))
    near.once('data', (first) => {
      isForRoutes = /:routesync:|:route/.test(first.toString('latin1'))
      if (isForRoutes) connections += 1
    })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('data', (chunk) => {
        if (isForRoutes) bytes += chunk.length
      })
      one.on('error', () => other.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  t.after(async () => {
    cut()
    server.close()
    await once(server, 'close')
  })
  return { port: await listenOnFreePort(server), bytes: () => bytes, connections: () => connections, cut }
}

export type RoutePair = {
  readonly a: Side
  readonly b: Side
  /** In front of each, for what the other one sends there. */
  readonly toA: RouteRelay
  readonly toB: RouteRelay
}

/** Both run when it resolves, but not yet their links. */
export async function startRoutePair(
  t: TestContext,
  ofA: LinkSettings = {},
  ofB: LinkSettings = {},
): Promise<RoutePair> {
  const [portA, portB] = await Promise.all([freePort(), freePort()])
  const [toA, toB] = await Promise.all([startRouteRelay(t, portA), startRouteRelay(t, portB)])
  const a = new Side('cl-a', portA, 'cl-b', `127.0.0.1:${toB.port}`, ofA)
  const b = new Side('cl-b', portB, 'cl-a', `127.0.0.1:${toA.port}`, ofB)
  await Promise.all([a.start(t), b.start(t)])
  return { a, b, toA, toB }
}
