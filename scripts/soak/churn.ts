/**
 * Clients that come and go while the steady ones publish: subscriptions of all kinds, groups, wills, retained messages that are set
 * and cleared, sessions that are left behind until they expire, takeovers. What they use is bounded, so that whatever grows in a
 * node is the node's.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { MqttClient } from 'mqtt'
import { type ClientOptions, connected, openClient } from './clients.ts'
import type { SoakNode } from './stage.ts'

export type Churn = {
  /** How often each was done. */
  readonly done: Readonly<Record<string, number>>
  stop(): Promise<void>
}

export type ChurnOptions = {
  readonly nodes: readonly SoakNode[]
  /** Clients that begin in a second. */
  readonly perSecond: number
  /** From 0 to below 1. */
  readonly random: () => number
}

const PLACES = 40
const STAY_MS = { min: 500, max: 4_000 } as const
const LEFT_BEHIND_S = 4
/** What hangs because its node does must not stay. */
const PATIENCE_MS = 8_000

export function startChurn({ nodes, perSecond, random }: ChurnOptions): Churn {
  const done: Record<string, number> = {}
  const running = new Set<Promise<void>>()
  const did: Scene['did'] = (what) => void (done[what] = (done[what] ?? 0) + 1)
  let count = 0
  const timer = setInterval(() => {
    const number = count++
    const up = nodes.filter(({ isUp }) => isUp)
    const played = ACTS[number % ACTS.length]!({ nodes: up, number, random, did }).finally(() => running.delete(played))
    running.add(played)
  }, 1000 / perSecond)
  return {
    done,
    stop: async () => {
      clearInterval(timer)
      await Promise.all(running)
    },
  }
}

type Scene = {
  readonly nodes: readonly SoakNode[]
  readonly number: number
  readonly random: () => number
  readonly did: (what: string) => void
}

/** In turn. Each resolves when its clients are gone; none rejects. */
const ACTS: readonly ((scene: Scene) => Promise<void>)[] = [passBy, leaveSession, takeOver, joinGroup]

/** Subscribes, publishes, unsubscribes and goes, every other time without a word, so that its will is published. */
async function passBy(scene: Scene): Promise<void> {
  const { number, random, did } = scene
  const clientId = `passing-${number}`
  const place = `churn/${Math.floor(random() * PLACES)}`
  const will = { topic: `${place}/gone`, payload: Buffer.from(clientId), qos: 1, retain: false } as const
  await visit(scene, { clientId, sessionExpiryS: 0, will }, async (client) => {
    await client.subscribeAsync([place, 'churn/+/gone', `churn/${number % PLACES}/#`, 'load/+/reading'], { qos: 1 })
    did('subscribed')
    // Every other one clears what the last one set.
    await client.publishAsync(place, number % 8 === 0 ? '' : clientId, { qos: 1, retain: true })
    did(number % 8 === 0 ? 'retained cleared' : 'retained set')
    client.publish(`${place}/note`, clientId, { qos: 0 })
    await stay(random)
    await client.unsubscribeAsync([place, 'load/+/reading'])
    did('unsubscribed')
  })
}

/** A session of its own ClientID that nobody comes back to: it collects messages until it expires. */
async function leaveSession(scene: Scene): Promise<void> {
  const { number, did } = scene
  await visit(scene, { clientId: `left-${number}`, sessionExpiryS: LEFT_BEHIND_S }, async (client) => {
    await client.subscribeAsync('load/#', { qos: number % 3 === 0 ? 2 : 1 })
    did('session left behind')
  })
}

/** Twice the same ClientID, perhaps at two nodes: the second takes the session over. */
async function takeOver(scene: Scene): Promise<void> {
  const { number, random, did } = scene
  const options = { clientId: `wanted-${number % 5}`, sessionExpiryS: 60 }
  await visit(scene, options, async (client) => {
    await client.subscribeAsync('churn/+/note', { qos: 1 })
    await visit(scene, options, async () => {
      did('taken over')
      await stay(random)
    })
  })
}

/** Members of a group come and go; each message is one member's. */
async function joinGroup(scene: Scene): Promise<void> {
  const { number, random, did } = scene
  await visit(scene, { clientId: `member-${number}`, sessionExpiryS: 0 }, async (client) => {
    await client.subscribeAsync([`$share/g${number % 3}/load/#`, '$share/all/churn/#'], { qos: 1 })
    did('group joined')
    await stay(random)
  })
}

/** At some node; whatever goes wrong on the way, such as a node that is killed, the client is gone in the end. */
async function visit(
  { nodes, number, random, did }: Scene,
  options: Pick<ClientOptions, 'clientId' | 'sessionExpiryS' | 'will'>,
  body: (client: MqttClient) => Promise<void>,
): Promise<void> {
  const node = nodes[Math.floor(random() * nodes.length)]
  if (node === undefined) return
  // A session of 3.1.1 that is left would stay for hours: only 5 says for how long.
  const version = options.sessionExpiryS === 0 && number % 3 === 0 ? 4 : 5
  const client = openClient({ ...options, port: node.mqttPort, version, reconnectMs: 0 })
  const over = new AbortController()
  const visited = async (): Promise<void> => {
    await connected(client)
    did('connected')
    await body(client)
  }
  const tooLate = async (): Promise<void> => {
    await pause(PATIENCE_MS, undefined, { signal: over.signal })
    did('given up')
  }
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()))
  // A client whose connection is gone never gets its answers, or gets an error for each: either way the visit is over.
  await Promise.race([visited(), tooLate(), closed]).catch(() => did('broken off'))
  over.abort()
  // Every third goes without DISCONNECT.
  await client.endAsync(number % 3 === 0)
}

async function stay(random: () => number): Promise<void> {
  await pause(STAY_MS.min + random() * (STAY_MS.max - STAY_MS.min))
}
