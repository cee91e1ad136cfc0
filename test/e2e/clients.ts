/** Clients of a broker, as others wrote them: MQTT.js in this process, `mosquitto_pub` and `mosquitto_sub` beside it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'

export type Arrival = {
  readonly topic: string
  readonly payload: string
  readonly qos: number
  readonly retain: boolean
}

/** What arrives at one subscriber. Probes (payload `probe`) prove a path and are not counted as arrivals. */
export type Inbox = {
  readonly arrivals: readonly Arrival[]
  payloads(): string[]
  /** Resolves when an arrival matches; a past one counts. */
  waitFor(what: string, matches: (arrival: Arrival) => boolean): Promise<Arrival>
  waitForPayload(payload: string): Promise<Arrival>
  waitForCount(count: number): Promise<void>
  /** Repeats `send` (a publish of `probe`) until one arrives: then subscription and route are known all the way. */
  proveFrom(send: () => void): Promise<void>
}

const DEADLINE_MS = 30_000
const PROBE = 'probe'
const PROBE_EVERY_MS = 100

export type FillableInbox = Inbox & { put(arrival: Arrival): void }

export function createInbox(name: string): FillableInbox {
  const arrivals: Arrival[] = []
  const listeners = new Set<() => void>()
  let probes = 0
  const until = (what: string, holds: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      if (holds()) return resolve()
      const look = (): void => {
        if (!holds()) return
        clearTimeout(late)
        listeners.delete(look)
        resolve()
      }
      const late = setTimeout(() => {
        listeners.delete(look)
        reject(new Error(`${name}: no ${what} in ${DEADLINE_MS} ms; ${arrivals.length} arrivals so far`))
      }, DEADLINE_MS)
      listeners.add(look)
    })
  const waitFor: Inbox['waitFor'] = async (what, matches) => {
    await until(what, () => arrivals.some(matches))
    const found = arrivals.find(matches)
    assert(found !== undefined, what)
    return found
  }
  return {
    arrivals,
    payloads: () => arrivals.map(({ payload }) => payload),
    waitFor,
    waitForPayload: (payload) => waitFor(`payload ${payload}`, (arrival) => arrival.payload === payload),
    waitForCount: (count) => until(`${count} arrivals`, () => arrivals.length >= count),
    proveFrom: async (send) => {
      const before = probes
      send()
      const again = setInterval(send, PROBE_EVERY_MS)
      await until('probe', () => probes > before).finally(() => clearInterval(again))
    },
    put: (arrival) => {
      if (arrival.payload === PROBE) probes++
      else arrivals.push(arrival)
      for (const listener of listeners) listener()
    },
  }
}

/** An MQTT 5 client, connected; ended with the test. */
export async function connectClient(t: TestContext, port: number, options: IClientOptions = {}): Promise<MqttClient> {
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: 5,
    reconnectPeriod: 100,
    ...options,
  })
  client.on('error', () => undefined)
  t.after(() => client.endAsync(true))
  return client
}

/** Resolves after SUBACK. What the client gets, for whatever subscription, falls into the inbox. */
export async function subscribe(
  client: MqttClient,
  topicFilter: string,
  qos: 0 | 1 | 2 = 1,
  inbox: FillableInbox = createInbox(`${client.options.clientId} ${topicFilter}`),
): Promise<Inbox> {
  client.on('message', (topic, payload, packet) =>
    inbox.put({ topic, payload: payload.toString(), qos: packet.qos, retain: packet.retain }),
  )
  await client.subscribeAsync(topicFilter, { qos })
  return inbox
}

/** Publishes probes on `topic` until one arrives in `inbox`. */
export function prove(inbox: Inbox, publisher: MqttClient, topic: string): Promise<void> {
  return inbox.proveFrom(() => void publisher.publish(topic, PROBE, { qos: 0 }))
}

/** Publishes `${prefix}0`, `${prefix}1` ... and resolves with these payloads when all are acknowledged. */
export async function publishMany(
  publisher: MqttClient,
  topic: string,
  prefix: string,
  count: number,
  qos: 1 | 2 = 1,
): Promise<string[]> {
  const payloads = Array.from({ length: count }, (_, index) => `${prefix}${index}`)
  await Promise.all(payloads.map((payload) => publisher.publishAsync(topic, payload, { qos })))
  return payloads
}

/** `mosquitto_sub`, ended with the test. It says nothing of its SUBACK to a pipe: prove the path before counting on it. */
export function mosquittoSub(
  t: TestContext,
  port: number,
  options: readonly string[],
): Inbox & { end(): Promise<void> } {
  const child = spawn('mosquitto_sub', ['-h', '127.0.0.1', '-p', String(port), '-F', '%q %r %t %p', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const inbox = createInbox(`mosquitto_sub ${options.join(' ')}`)
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [, qos, retain, topic, payload] = /^(\d) (\d) (\S+) (.*)$/.exec(line) ?? []
    assert(topic !== undefined && payload !== undefined, `mosquitto_sub printed ${line}`)
    inbox.put({ topic, payload, qos: Number(qos), retain: retain === '1' })
  })
  const gone = new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => resolve())
  })
  const end = async (): Promise<void> => {
    child.kill('SIGTERM')
    await gone
  }
  t.after(end)
  return { ...inbox, end }
}

/** Runs `mosquitto_pub` to its end, which at QoS 1 and 2 is the broker's acknowledgement. */
export async function mosquittoPub(port: number, options: readonly string[]): Promise<void> {
  const child = spawn('mosquitto_pub', ['-h', '127.0.0.1', '-p', String(port), ...options], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  assert.equal(code, 0, `mosquitto_pub ${options.join(' ')}`)
}
