/** The stream that holds the registers of a cluster: a KV bucket as any tool of NATS knows it, made when it is not there. */
import { randomUUID } from 'node:crypto'
import type { NatsConnection } from 'nats'
import type { ClusterLog } from '../cluster-log.ts'
import { askJetStream, isObject, jetStreamErrors, JetStreamRefusal } from './jetstream.ts'

/** How long who made a bucket has to number it, and how often it is asked whether he has. */
const numberingMsMax = 800
const askAgainMs = 50

/** One use of JetStream: its connection, and how long there is for all of it. */
export type Asking = { readonly nc: NatsConnection; readonly leftMs: () => number }

export type NatsBucketOptions = {
  readonly name: string
  /** `undefined`: as many as there are servers, at most 3. */
  readonly replicas: number | undefined
  readonly log: ClusterLog
}

export class NatsBucket {
  readonly stream: string
  readonly #name: string
  readonly #replicas: number | undefined
  readonly #log: ClusterLog
  readonly #maker = randomUUID()

  constructor({ name, replicas, log }: NatsBucketOptions) {
    this.#name = name
    this.stream = `KV_${name}`
    this.#replicas = replicas
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

  /** After this the bucket is there. */
  async ensure(asking: Asking): Promise<void> {
    const found = (await this.#find(asking)) ?? (await this.#make(asking))
    const info = isNumbered(found) ? found : await this.#number(asking, found)
    await this.#spread(asking, info)
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
      subjects: [this.subjects],
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

  /**
   * Revisions are the stream's sequence numbers. If they began at 1 again after all state was deleted, then a node that remembers
   * the old ones could overwrite what another has written since: so they begin at the microsecond in which the stream was made.
   * Who made it does that, before anything is written; the others wait for it, and do it themselves only if he has gone.
   */
  async #number(asking: Asking, found: Record<string, unknown>): Promise<Record<string, unknown>> {
    const { nc, leftMs } = asking
    const config = found['config']
    const isOurs = isObject(config) && config['description'] === `isthmus ${this.#maker}`
    const untilMs = isOurs ? Number.POSITIVE_INFINITY : Math.max(leftMs() - numberingMsMax, 0)
    let info = found
    while (leftMs() > untilMs) {
      await new Promise((resolve) => setTimeout(resolve, askAgainMs))
      info = (await this.#find(asking)) ?? info
      if (isNumbered(info)) return info
    }
    const first = Date.parse(String(info['created'])) * 1000
    if (!Number.isSafeInteger(first)) return info
    await askJetStream(nc, { subject: `$JS.API.STREAM.PURGE.${this.stream}`, body: { seq: first } }, leftMs())
    return info
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

/** Something was written, or its numbers begin where they shall. */
function isNumbered({ state }: Record<string, unknown>): boolean {
  return isObject(state) && state['last_seq'] !== 0
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
