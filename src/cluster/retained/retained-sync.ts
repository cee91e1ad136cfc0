/**
 * Makes the retained messages of all nodes the same again after a node was away, or joined with none. While nodes hear each other
 * each message reaches all of them by itself; this compares what they have when one comes or comes back, and now and then,
 * and fetches what is newer elsewhere. Each node fetches for itself, so that both sides of a difference end alike.
 */
import { Publication } from '../../packets/publication.ts'
import { topicNameProblem } from '../../topics/topic-filter.ts'
import type { ClusterClock } from '../cluster-clock.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Sender } from '../coordination.ts'
import { RetainedIndex, type RetainedVersion } from './retained-index.ts'

/** The broker's retained messages. Of two of a topic the one of the higher version is the later one. */
export interface RetainedMessages {
  retainedVersions(): Iterable<RetainedVersion>
  retainedVersionOf(topic: string): number | undefined
  retainedMessage(topic: string): Publication | undefined
  /** Where the topic's message was published, or cleared: the name of another cluster, or `undefined` for this one. */
  retainedOriginOf(topic: string): string | undefined
  /** Returns whether it was newer than what is there. */
  applyRetained(change: Publication | RetainedDeletion): boolean
  onRetainedChange(listener: () => void): () => void
}

type RetainedDeletion = { readonly topic: string; readonly version: number; readonly origin: string | undefined }

export interface Questions {
  serve(kind: string, serve: (from: Sender, body: unknown) => Promise<unknown>): void
  ask(node: string, kind: string, body: unknown, timeoutMs: number): Promise<unknown>
}

export type RetainedSyncPorts = {
  readonly retained: RetainedMessages
  readonly requests: Questions
  readonly clock: ClusterClock
  readonly random: () => number
  readonly log: ClusterLog
  /** The other nodes that are there. */
  readonly others: () => readonly string[]
}

const DIFFERENCES = 'retained.differences'
const VERSIONS = 'retained.versions'
const MESSAGES = 'retained.messages'
const TIMEOUT_MS = 5_000
/** How often nodes are compared though nothing has happened. */
const EVERY_MS = 60_000
/** How long what was found out may be used, milliseconds: a comparison takes several questions. */
const INDEX_MS = 5_000
const BUCKETS_PER_ASK = 64
const TOPICS_PER_ASK = 500
const ANSWER_BYTES = 512 * 1024

type TheirVersion = RetainedVersion & { readonly origin: string | undefined }

type Fetched = readonly [
  bytes: Uint8Array,
  v5: boolean,
  clientId: string,
  username: string | undefined,
  peerHost: string | undefined,
  receivedAtMs: number,
  origin: string | undefined,
]

export class RetainedSync {
  readonly #ports: RetainedSyncPorts
  #index: { readonly index: Promise<RetainedIndex>; readonly untilMs: number } | undefined
  /** Something was retained since the index was made. */
  #isOutdated = false
  #timer: { cancel(): void } | undefined
  readonly #syncing = new Map<string, Promise<boolean>>()
  readonly #stopListening: () => void
  #isStopped = false

  constructor(ports: RetainedSyncPorts) {
    this.#ports = ports
    const { requests } = ports
    requests.serve(DIFFERENCES, (_from, body) => this.#tellDifferences(body))
    requests.serve(VERSIONS, (_from, body) => this.#tellVersions(body))
    requests.serve(MESSAGES, (_from, body) => this.#tellMessages(body))
    this.#stopListening = ports.retained.onRetainedChange(() => (this.#isOutdated = true))
    this.#plan()
  }

  /** Fetches from this node what is newer there. Resolves with whether that could be done. Once at a time for each node. */
  syncWith(node: string): Promise<boolean> {
    const running = this.#syncing.get(node)
    if (running !== undefined) return running
    const sync = this.#syncWith(node).finally(() => this.#syncing.delete(node))
    this.#syncing.set(node, sync)
    return sync
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#stopListening()
  }

  #plan(): void {
    const { clock, random, others } = this.#ports
    this.#timer = clock.after(EVERY_MS * (0.75 + random() / 2), () => {
      const nodes = others()
      const node = nodes[Math.floor(random() * nodes.length)]
      if (node !== undefined) void this.syncWith(node)
      this.#plan()
    })
  }

  async #syncWith(node: string): Promise<boolean> {
    const { log } = this.#ports
    try {
      const fetched = await this.#fetchFrom(node)
      if (fetched > 0) log.info({ node, messages: fetched }, 'retained_messages_fetched')
      return true
    } catch (error) {
      if (!this.#isStopped) log.warn({ err: error, node }, 'retained_messages_not_compared')
      return false
    }
  }

  async #fetchFrom(node: string): Promise<number> {
    const { requests } = this.#ports
    const index = await this.#indexOf('now')
    const { size, lo, hi } = index.total
    const digests = await requests.ask(node, DIFFERENCES, [size, lo, hi], TIMEOUT_MS)
    if (!(digests instanceof Uint8Array)) return 0
    const buckets = index.differing(digests) ?? []
    let fetched = 0
    for (let at = 0; at < buckets.length && !this.#isStopped; at += BUCKETS_PER_ASK) {
      const answer = await requests.ask(node, VERSIONS, buckets.slice(at, at + BUCKETS_PER_ASK), TIMEOUT_MS)
      fetched += await this.#fetchNewer(node, readVersions(answer))
    }
    return fetched
  }

  async #fetchNewer(node: string, theirs: readonly TheirVersion[]): Promise<number> {
    const { retained } = this.#ports
    const newer = theirs.filter(({ topic, version }) => version > (retained.retainedVersionOf(topic) ?? -1))
    let applied = 0
    for (const { topic, version, isDeleted, origin } of newer)
      if (isDeleted && retained.applyRetained({ topic, version, origin })) applied++
    let wanted = newer.filter(({ isDeleted }) => !isDeleted).map(({ topic }) => topic)
    while (wanted.length > 0 && !this.#isStopped) {
      const asked = wanted.slice(0, TOPICS_PER_ASK)
      const answer = await this.#ports.requests.ask(node, MESSAGES, asked, TIMEOUT_MS)
      const { messages, topics } = readMessages(answer)
      for (const publication of messages) if (retained.applyRetained(publication)) applied++
      // It tells how many topics it went through, as far as one answer goes.
      if (topics <= 0) break
      wanted = wanted.slice(Math.min(topics, asked.length))
    }
    return applied
  }

  // ---- what we tell others

  async #tellDifferences(body: unknown): Promise<Uint8Array | undefined> {
    const index = await this.#indexOf('now')
    const { size, lo, hi } = index.total
    const isSame = Array.isArray(body) && body[0] === size && body[1] === lo && body[2] === hi
    return isSame ? undefined : index.encode()
  }

  async #tellVersions(body: unknown): Promise<unknown> {
    const buckets = Array.isArray(body) ? body.slice(0, BUCKETS_PER_ASK).map(Number) : []
    const index = await this.#indexOf('a moment ago')
    const { retained } = this.#ports
    const topics = buckets.flatMap((bucket) => index.topicsOf(bucket))
    const known = topics.flatMap((topic) => {
      const version = retained.retainedVersionOf(topic)
      return version === undefined ? [] : [{ topic, version, isDeleted: retained.retainedMessage(topic) === undefined }]
    })
    const origins = known.map(({ topic, isDeleted }) => (isDeleted ? retained.retainedOriginOf(topic) : undefined))
    return [known.map((one) => one.topic), known.map((one) => one.version), known.map((one) => one.isDeleted), origins]
  }

  async #tellMessages(body: unknown): Promise<unknown> {
    const topics = Array.isArray(body) ? body.slice(0, TOPICS_PER_ASK).map(String) : []
    const messages: Fetched[] = []
    let bytes = 0
    let done = 0
    for (const topic of topics) {
      const publication = this.#ports.retained.retainedMessage(topic)
      if (publication !== undefined) {
        if (bytes > 0 && bytes + publication.byteLength > ANSWER_BYTES) break
        bytes += publication.byteLength
        const { publisher, receivedAtMs, origin, v5 } = publication
        const { clientId, username, peerHost } = publisher
        messages.push([publication.bytes, v5, clientId, username, peerHost, receivedAtMs, origin])
      }
      done++
    }
    return [done, messages]
  }

  /** Within one comparison what was there at its beginning will do: what came since, every node was sent. */
  #indexOf(when: 'now' | 'a moment ago'): Promise<RetainedIndex> {
    const { clock, retained } = this.#ports
    const nowMs = clock.steadyMs()
    const isGood = this.#index !== undefined && (when === 'now' ? !this.#isOutdated : nowMs < this.#index.untilMs)
    if (this.#index === undefined || !isGood) {
      const pause = (): Promise<void> => new Promise((resolve) => void clock.after(0, resolve))
      this.#isOutdated = false
      this.#index = { index: RetainedIndex.make(retained.retainedVersions(), pause), untilMs: nowMs + INDEX_MS }
    }
    return this.#index.index
  }
}

/** Nothing that comes over the bus is trusted: what is not as it should be is left out. */
function readVersions(answer: unknown): readonly TheirVersion[] {
  if (!Array.isArray(answer)) return []
  const [topics, versions, deleted, from]: unknown[] = answer
  // A node of an earlier version leaves the origins out.
  const origins: unknown[] = Array.isArray(from) ? from : []
  if (!Array.isArray(topics) || !Array.isArray(versions) || !Array.isArray(deleted)) return []
  return topics.flatMap((topic: unknown, at): TheirVersion[] => {
    const version: unknown = versions[at]
    const isGood = typeof topic === 'string' && topicNameProblem(topic) === undefined && Number.isSafeInteger(version)
    if (!isGood) return []
    return [{ topic, version: Number(version), isDeleted: deleted[at] === true, origin: textOrNone(origins[at]) }]
  })
}

function readMessages(answer: unknown): { readonly topics: number; readonly messages: readonly Publication[] } {
  if (!Array.isArray(answer) || !Array.isArray(answer[1])) return { topics: 0, messages: [] }
  const messages = answer[1].flatMap((fetched: unknown) => readMessage(fetched) ?? [])
  return { topics: Number(answer[0]), messages }
}

function readMessage(fetched: unknown): Publication | undefined {
  if (!Array.isArray(fetched)) return undefined
  const [bytes, v5, clientId, username, peerHost, receivedAtMs, origin]: unknown[] = fetched
  if (!(bytes instanceof Uint8Array) || typeof clientId !== 'string' || !Number.isFinite(receivedAtMs)) return undefined
  const publisher = { clientId, username: textOrNone(username), peerHost: textOrNone(peerHost) }
  try {
    const packet = Buffer.from(bytes)
    const publication = Publication.restore(packet, v5 === true, publisher, Number(receivedAtMs), textOrNone(origin))
    return topicNameProblem(publication.topic) === undefined && publication.retain ? publication : undefined
  } catch {
    // No PUBLISH packet: the other node has it still, and no harm is done.
    return undefined
  }
}

function textOrNone(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
