/** A link runtime with everything around it made up: broker, clock, randomness, log. */
import type { LinkConfig } from '../../src/config/config.ts'
import type { InterestChange, PassingPublish } from '../../src/link/broker-port.ts'
import { LinkRuntime, type LinkRuntimePorts } from '../../src/link/link-runtime.ts'
import type { LinkStatus } from '../../src/link/status.ts'
import type { Message } from '../../src/packets/message.ts'
import { encodeMessage, Publication } from '../../src/packets/publication.ts'
import { PublishView } from '../../src/packets/publish-view.ts'
import { nextIncarnation } from '../../src/routes/incarnation.ts'
import { ManualClock } from './manual-clock.ts'

export function linkConfig(port: number, changes: Partial<LinkConfig> = {}): LinkConfig {
  return {
    name: 'cl.b',
    enable: true,
    server: `127.0.0.1:${port}`,
    clientid: 'link-from-a',
    ssl: { enable: false, verify: 'verify_none' },
    topics: ['#'],
    pool_size: 1,
    retry_interval: 15_000,
    max_inflight: 32,
    tcp_opts: { nodelay: true, keepalive: false },
    resource_opts: {
      worker_pool_size: 16,
      health_check_interval: 15_000,
      start_timeout: 5_000,
      request_ttl: Number.POSITIVE_INFINITY,
      inflight_window: 100,
      max_buffer_bytes: 1_000_000,
      max_buffer_messages: Number.POSITIVE_INFINITY,
    },
    actor_ttl: 30_000,
    stale_ttl: 86_400_000,
    dialect: 'auto',
    durable: false,
    overflow: 'drop_oldest',
    retained: 'live',
    compression: 'off',
    ...changes,
  }
}

/** The filters that somebody here has subscribed to. */
export class Interest {
  readonly filters = new Set<string>()
  readonly #listeners = new Set<(change: InterestChange) => void>()

  interest(): Iterable<string> {
    return this.filters
  }

  onInterest(listener: (change: InterestChange) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  get listeners(): number {
    return this.#listeners.size
  }

  add(topicFilter: string): void {
    this.filters.add(topicFilter)
    for (const listener of this.#listeners) listener({ type: 'added', topicFilter })
  }

  remove(topicFilter: string): void {
    this.filters.delete(topicFilter)
    for (const listener of this.#listeners) listener({ type: 'removed', topicFilter })
  }
}

export type LogLine = { readonly level: string; readonly event: string; readonly fields: object }

export function startRuntime(ports: Partial<LinkRuntimePorts> = {}) {
  const clock = new ManualClock()
  const interest = new Interest()
  const lines: LogLine[] = []
  const waiting = new Set<() => void>()
  const at = (level: string) => (fields: object, event: string) => void lines.push({ level, event, fields })
  let lastIncarnation = 0
  let serial = 0
  const runtime = new LinkRuntime({
    broker: interest,
    clock,
    random: () => 0,
    log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    correlation: () => {
      serial += 1
      return serial.toString(16).padStart(16, '0')
    },
    nodeName: 'a1@127.0.0.1',
    clusterName: 'cl.a',
    nextIncarnation: () => (lastIncarnation = nextIncarnation(clock.nowMs(), lastIncarnation)),
    onStatus: () => {
      for (const look of waiting) look()
    },
    ...ports,
  })

  /** Waits until the link's status fits. */
  const status = async (fits: (status: LinkStatus) => boolean, peer = 'cl.b'): Promise<LinkStatus> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(look)
        const now = runtime.status(peer)
        reject(new Error(`the status stays ${now?.state}: ${now?.reasons.join('; ')}`))
      }, 10_000)
      const look = () => {
        const now = runtime.status(peer)
        if (now === undefined || !fits(now)) return
        clearTimeout(timer)
        waiting.delete(look)
        resolve(now)
      }
      waiting.add(look)
      look()
    })
  return { runtime, clock, interest, lines, status }
}

export function message(topic: string, changes: Partial<Message> = {}): Message {
  return {
    topic,
    payload: Buffer.from('hello'),
    qos: 1,
    retain: false,
    properties: undefined,
    from: 'device-1',
    username: undefined,
    peerHost: undefined,
    timestampMs: 1_795_289_100_000,
    origin: undefined,
    ...changes,
  }
}

/** As the broker would show it, published when the message says. */
export function passing(kept: Message): PassingPublish {
  const { qos, retain, from, topic, payload, username, peerHost, timestampMs: nowMs, origin } = kept
  const publisher = { clientId: from, username, peerHost }
  const publication = Publication.read(topic, encodeMessage(kept), publisher, nowMs, origin)
  const view = new PublishView()
  publication.show(view)
  const byteLength = Buffer.byteLength(topic) + payload.length
  const expirySeconds = kept.properties?.messageExpiryInterval ?? -1
  return { qos, retain, from, byteLength, view, publisher, nowMs, expirySeconds, origin, toMessage: () => kept }
}
