/** Registers in a KV bucket: compare and set by the last sequence of a key's subject. */
import type { NatsConnection } from 'nats'
import type { ClusterClock } from '../cluster-clock.ts'
import { ClusterError } from '../cluster-error.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Register, Registers, RegisterWatcher, WriteResult } from '../coordination.ts'
import { askJetStream, jetStreamErrors, type JetStreamRequest, JetStreamRefusal, NoResponders } from './jetstream.ts'
import type { Asking, NatsBucket } from './nats-bucket.ts'
import { RegisterWatch } from './register-watch.ts'
import { encodeToken } from './subjects.ts'

/** For one operation, however many requests it takes. */
const deadlineMs = 2000

export type NatsRegistersPorts = {
  readonly bucket: NatsBucket
  /** On which nodes say that they have written a register. */
  readonly changesSubject: string
  readonly clock: ClusterClock
  readonly random: () => number
  readonly log: ClusterLog
  /** What JetStream refuses us, in words for people; `undefined` when it does no more. */
  readonly refused: (words: string | undefined) => void
}

export class NatsRegisters implements Registers {
  readonly #ports: NatsRegistersPorts
  readonly #watch: RegisterWatch
  #nc: NatsConnection | undefined

  constructor(ports: NatsRegistersPorts) {
    this.#ports = ports
    this.#watch = new RegisterWatch({
      ...ports,
      asking: (nc) => this.#asking(nc),
      ensure: (asking) => this.#ensure(asking),
    })
  }

  attach(nc: NatsConnection): void {
    this.#nc = nc
    this.#watch.attach(nc)
  }

  detach(): void {
    this.#nc = undefined
    this.#watch.detach()
  }

  watch(keyPrefix: string, watcher: RegisterWatcher): () => void {
    return this.#watch.watch(keyPrefix, watcher)
  }

  read(key: string): Promise<Register> {
    return this.#answered(key, (asking) => this.#read(asking, key))
  }

  write(key: string, value: Uint8Array, revision: number): Promise<WriteResult> {
    return this.#answered(key, (asking) => this.#set(asking, key, value, revision))
  }

  remove(key: string, revision: number): Promise<WriteResult> {
    return this.#answered(key, (asking) => this.#set(asking, key, undefined, revision))
  }

  async #read(asking: Asking, key: string): Promise<Register> {
    const entry = await this.#ports.bucket.last(asking, encodeToken(key))
    return { key, value: entry?.value, revision: entry?.sequence ?? 0 }
  }

  /** A deletion is a message, too: what was deleted is written on its revision, and 0 stands for it. */
  async #set(asking: Asking, key: string, value: Uint8Array | undefined, revision: number): Promise<WriteResult> {
    const result = await this.#put(asking, key, value, revision)
    if (result.type === 'written' || revision !== 0) return result
    const known = await this.#read(asking, key)
    if (known.value !== undefined) return result
    return this.#put(asking, key, value, known.revision)
  }

  async #put(
    { nc, leftMs }: Asking,
    key: string,
    value: Uint8Array | undefined,
    revision: number,
  ): Promise<WriteResult> {
    const request: JetStreamRequest = {
      subject: this.#ports.bucket.subjectOf(encodeToken(key)),
      payload: value ?? new Uint8Array(0),
      headers: {
        'Nats-Expected-Last-Subject-Sequence': String(revision),
        ...(value === undefined ? { 'KV-Operation': 'DEL' } : {}),
      },
    }
    try {
      const { seq } = await askJetStream(nc, request, leftMs())
      // Those who watch look at once; who does not hear of it looks a moment later. The server does not tell us of our own.
      this.#watch.hear(Number(seq))
      if (!nc.isClosed() && !nc.isDraining()) nc.publish(this.#ports.changesSubject, String(seq))
      return { type: 'written', revision: Number(seq) }
    } catch (error) {
      if (isRefusal(error, jetStreamErrors.wrongLastSequence)) return { type: 'conflict' }
      throw error
    }
  }

  #asking(nc: NatsConnection): Asking {
    const { clock } = this.#ports
    const endMs = clock.steadyMs() + deadlineMs
    return { nc, leftMs: () => Math.ceil(endMs - clock.steadyMs()) }
  }

  /** All that goes wrong becomes a `ClusterError`. A bucket that is not there is made, once. */
  async #answered<Answer>(key: string, ask: (asking: Asking) => Promise<Answer>): Promise<Answer> {
    const nc = this.#nc
    if (nc === undefined) throw new ClusterError('COORDINATION_LOST', `not connected to NATS: ${key}`)
    const asking = this.#asking(nc)
    try {
      try {
        return await ask(asking)
      } catch (error) {
        if (!(error instanceof NoResponders) && !isRefusal(error, jetStreamErrors.streamNotFound)) throw error
        await this.#ensure(asking)
        // What was watched is gone with the bucket.
        this.#watch.beginAgain()
        return await ask(asking)
      }
    } catch (error) {
      throw clusterError(error, key)
    }
  }

  async #ensure(asking: Asking): Promise<void> {
    try {
      await this.#ports.bucket.ensure(asking)
    } catch (error) {
      const words = refusalWords(error)
      if (words !== undefined) this.#ports.refused(words)
      throw error
    }
    this.#ports.refused(undefined)
  }
}

function clusterError(error: unknown, key: string): Error {
  if (error instanceof ClusterError || error instanceof RangeError) return error
  const words = refusalWords(error)
  if (words !== undefined) return new ClusterError('COORDINATION_REFUSED', words, { cause: error })
  return new ClusterError('COORDINATION_LOST', `NATS did not answer for ${key}`, { cause: error })
}

/** `undefined` for what may be over by itself. */
function refusalWords(error: unknown): string | undefined {
  if (error instanceof ClusterError) return error.code === 'COORDINATION_REFUSED' ? error.message : undefined
  if (error instanceof NoResponders) return noJetStream
  if (!(error instanceof JetStreamRefusal)) return undefined
  const { notEnabled, notEnabledForAccount, noSuitablePeers, replicasNotSupported, insufficientResources } =
    jetStreamErrors
  switch (error.number) {
    case notEnabled:
      return noJetStream
    case notEnabledForAccount:
      return `cluster.nats: the account of our user has no JetStream (${error.message})`
    case noSuitablePeers:
    case replicasNotSupported:
      return `cluster.nats.replicas: the NATS cluster can't keep as many copies (${error.message})`
    case insufficientResources:
      return `cluster.nats: JetStream has no room for our bucket (${error.message})`
    default:
      return undefined
  }
}

const noJetStream =
  'cluster.nats.servers: NATS runs without JetStream; start it with --jetstream or `jetstream {}` in its file'

function isRefusal(error: unknown, number: number): boolean {
  return error instanceof JetStreamRefusal && error.number === number
}
