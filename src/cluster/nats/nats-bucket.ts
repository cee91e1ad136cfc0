/** The stream that holds the registers of a cluster: a KV bucket as any tool of NATS knows it, made when it is not there. */
import { randomUUID } from 'node:crypto'
import type { NatsConnection } from 'nats'
import { ClusterError } from '../cluster-error.ts'
import type { ClusterLog } from '../cluster-log.ts'
import { askJetStream, isObject, jetStreamErrors, JetStreamRefusal } from './jetstream.ts'

/** How long who made a bucket has to open it, and how often it is asked whether he has. */
const openingMsMax = 1000
const askAgainMs = 50

/** One use of JetStream: its connection, and how long there is for all of it. */
export type Asking = { readonly nc: NatsConnection; readonly leftMs: () => number }

/** What tells whether the bucket is still the one that it was. */
export type BucketState = {
  /** When it was made, as text; each bucket has its own. */
  readonly created: string
  /** Of the last message that was ever written to it. */
  readonly lastSequence: number
  /** How many registers it holds, deleted ones that were not swept yet included. */
  readonly registers: number
}

/** A register, or its deletion, as it stands in the bucket. */
export type BucketEntry = {
  readonly subject: string
  /** `undefined` for a deletion. */
  readonly value: Uint8Array | undefined
  readonly sequence: number
  /** When it was written, by the server's clock, milliseconds since 1970. */
  readonly atMs: number
}

export type NatsBucketOptions = {
  readonly name: string
  /** `undefined`: as many as there are servers, at most 3. */
  readonly replicas: number | undefined
  readonly random: () => number
  readonly log: ClusterLog
}

type Ensuring = { readonly nc: NatsConnection; readonly done: Promise<void> }

export class NatsBucket {
  readonly stream: string
  readonly #name: string
  readonly #replicas: number | undefined
  readonly #random: () => number
  readonly #log: ClusterLog
  readonly #maker = randomUUID()
  /** Who reads, who writes and who watches may find at once that it is not there; it is made once. */
  #ensuring: Ensuring | undefined

  constructor({ name, replicas, random, log }: NatsBucketOptions) {
    this.#name = name
    this.stream = `KV_${name}`
    this.#replicas = replicas
    this.#random = random
    this.#log = log
  }

  /** Of all registers. */
  get subjects(): string {
    return `$KV.${this.#name}.>`
  }

  subjectOf(token: string): string {
    return `$KV.${this.#name}.${token}`
  }

  /** The other way round; a key of the bucket may have dots, of which we make none. */
  tokenOf(subject: string): string {
    return subject.slice(`$KV.${this.#name}.`.length)
  }

  /** After this the bucket is there, and may be written to. */
  ensure(asking: Asking): Promise<void> {
    if (this.#ensuring?.nc === asking.nc) return this.#ensuring.done
    const ensuring: Ensuring = { nc: asking.nc, done: this.#ensure(asking).finally(() => this.#ensured(ensuring)) }
    this.#ensuring = ensuring
    return ensuring.done
  }

  #ensured(ensuring: Ensuring): void {
    if (this.#ensuring === ensuring) this.#ensuring = undefined
  }

  async #ensure(asking: Asking): Promise<void> {
    const startMs = asking.leftMs()
    const found = (await this.#find(asking)) ?? (await this.#make(asking))
    const isOurs = this.#isOurs(found) && startMs - asking.leftMs() < openingMsMax / 2
    const info = this.#isOpen(found) || isOurs ? found : await this.#waitForMaker(asking, found)
    await this.#spread(asking, this.#isOpen(info) ? info : await this.#open(asking, info))
  }

  /** `undefined` if there is no bucket. */
  async state(asking: Asking): Promise<BucketState | undefined> {
    const info = await this.#find(asking)
    const state = info?.['state']
    if (info === undefined || !isObject(state)) return undefined
    const { last_seq: last, num_subjects: count } = state
    return { created: String(info['created']), lastSequence: Number(last), registers: Number(count ?? 0) }
  }

  /** What the register under this token is now; `undefined` if it was never written. */
  last(asking: Asking, token: string): Promise<BucketEntry | undefined> {
    return this.#get(asking, { last_by_subj: this.subjectOf(token) })
  }

  /** The next that was written after this sequence and not overwritten since; `undefined` if there is none yet. */
  next(asking: Asking, sequence: number): Promise<BucketEntry | undefined> {
    return this.#get(asking, { seq: sequence + 1, next_by_subj: this.subjects })
  }

  /** Answered by the leader of the stream, not by a copy that may be behind. */
  async #get({ nc, leftMs }: Asking, body: object): Promise<BucketEntry | undefined> {
    try {
      const { message } = await askJetStream(nc, { subject: `$JS.API.STREAM.MSG.GET.${this.stream}`, body }, leftMs())
      if (!isObject(message)) throw new ClusterError('COORDINATION_LOST', 'NATS sent no register')
      return readEntry(message)
    } catch (error) {
      if (error instanceof JetStreamRefusal && error.number === jetStreamErrors.messageNotFound) return undefined
      throw error
    }
  }

  async #find({ nc, leftMs }: Asking): Promise<Record<string, unknown> | undefined> {
    try {
      return await askJetStream(nc, { subject: `$JS.API.STREAM.INFO.${this.stream}` }, leftMs())
    } catch (error) {
      if (error instanceof JetStreamRefusal && error.number === jetStreamErrors.streamNotFound) return undefined
      throw error
    }
  }

  async #make({ nc, leftMs }: Asking): Promise<Record<string, unknown>> {
    const wanted = this.#wantedReplicas(nc)
    for (const [index, replicas] of wanted.entries()) {
      try {
        const subject = `$JS.API.STREAM.CREATE.${this.stream}`
        const info = await askJetStream(nc, { subject, body: this.#config(replicas) }, leftMs())
        this.#log.info({ bucket: this.#name, replicas }, 'coordination_bucket_made')
        return info
      } catch (error) {
        if (isInUse(error)) break
        if (index === wanted.length - 1 || !isShortOfServers(error)) throw error
      }
    }
    // Another node has made it in the meantime.
    const info = await this.#find({ nc, leftMs })
    if (info === undefined) throw new JetStreamRefusal(jetStreamErrors.streamNotFound, 'the bucket came and went')
    return info
  }

  #wantedReplicas(nc: NatsConnection): readonly number[] {
    if (this.#replicas !== undefined) return [this.#replicas]
    return isClustered(nc) ? [3, 2, 1] : [1]
  }

  #config(replicas: number): object {
    return {
      name: this.stream,
      subjects: [this.#closedSubject],
      retention: 'limits',
      discard: 'new',
      storage: 'file',
      max_msgs_per_subject: 1,
      max_consumers: -1,
      max_msgs: -1,
      max_bytes: -1,
      max_age: 0,
      max_msg_size: -1,
      duplicate_window: 120_000_000_000,
      num_replicas: replicas,
      allow_rollup_hdrs: true,
      deny_delete: false,
      // Makes it another configuration than that of any other node: who makes the bucket knows that it was he.
      description: `isthmus ${this.#maker}`,
    }
  }

  /** Nobody writes to it: a bucket is made with it, and takes no register before it is numbered. */
  get #closedSubject(): string {
    return `$KV.${this.#name}`
  }

  #isOpen({ config }: Record<string, unknown>): boolean {
    const subjects = isObject(config) ? config['subjects'] : undefined
    return !Array.isArray(subjects) || !subjects.includes(this.#closedSubject)
  }

  #isOurs({ config }: Record<string, unknown>): boolean {
    return isObject(config) && config['description'] === `isthmus ${this.#maker}`
  }

  /** Until he has opened it, or must be gone; then those who wait do not all act at once. */
  async #waitForMaker(asking: Asking, found: Record<string, unknown>): Promise<Record<string, unknown>> {
    const untilMs = asking.leftMs() - openingMsMax * (1 + this.#random() / 2)
    let info = found
    while (!this.#isOpen(info) && asking.leftMs() > Math.max(untilMs, 0)) {
      await new Promise((resolve) => setTimeout(resolve, askAgainMs))
      info = (await this.#find(asking)) ?? info
    }
    return info
  }

  /**
   * Revisions are the stream's sequence numbers. If they began at 1 again after all state was deleted, then a node that remembers
   * the old ones could overwrite what another has written since: so they begin at the microsecond in which the stream was made.
   * To number it is to purge all below, so nothing may be written before, which is why it is made closed. Nor may two nodes do it:
   * nats-server 2.9.10 may purge by a second request what was written after the first, though it is not below.
   */
  async #open({ nc, leftMs }: Asking, info: Record<string, unknown>): Promise<Record<string, unknown>> {
    const { config, created, state } = info
    const first = Date.parse(String(created)) * 1000
    if (Number.isSafeInteger(first) && isObject(state) && state['last_seq'] === 0)
      await askJetStream(nc, { subject: `$JS.API.STREAM.PURGE.${this.stream}`, body: { seq: first } }, leftMs())
    const body = { ...(isObject(config) ? config : {}), subjects: [this.subjects] }
    return askJetStream(nc, { subject: `$JS.API.STREAM.UPDATE.${this.stream}`, body }, leftMs())
  }

  /** A bucket that was made when servers of the NATS cluster were missing gets its other copies later. */
  async #spread({ nc, leftMs }: Asking, info: Record<string, unknown>): Promise<void> {
    const wanted = this.#wantedReplicas(nc)[0] ?? 1
    const config = info['config']
    if (!isObject(config) || Number(config['num_replicas']) >= wanted || !isClustered(nc)) return
    try {
      const subject = `$JS.API.STREAM.UPDATE.${this.stream}`
      await askJetStream(nc, { subject, body: { ...config, num_replicas: wanted } }, leftMs())
      this.#log.info({ bucket: this.#name, replicas: wanted }, 'coordination_bucket_spread')
    } catch (error) {
      this.#log.debug({ bucket: this.#name, error: String(error) }, 'coordination_bucket_not_spread')
    }
  }
}

function readEntry({ subject, seq, data, hdrs, time }: Record<string, unknown>): BucketEntry {
  const value = isDeletion(hdrs) ? undefined : Buffer.from(typeof data === 'string' ? data : '', 'base64')
  return { subject: String(subject), value, sequence: Number(seq), atMs: Date.parse(String(time)) }
}

/** `headers`: as JetStream sends them, base64. `PURGE` is what tools of NATS write to delete with all history. */
function isDeletion(headers: unknown): boolean {
  if (typeof headers !== 'string') return false
  return /^KV-Operation: *(?:DEL|PURGE)\b/im.test(Buffer.from(headers, 'base64').toString())
}

const isClustered = (nc: NatsConnection): boolean => nc.info !== undefined && 'cluster' in nc.info

function isInUse(error: unknown): boolean {
  return error instanceof JetStreamRefusal && error.number === jetStreamErrors.streamNameInUse
}

function isShortOfServers(error: unknown): boolean {
  const { noSuitablePeers, replicasNotSupported, insufficientResources } = jetStreamErrors
  const numbers: readonly number[] = [noSuitablePeers, replicasNotSupported, insufficientResources]
  return error instanceof JetStreamRefusal && numbers.includes(error.number)
}
