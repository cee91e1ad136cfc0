/** A deletion is a message in the bucket, too. It stays until every node must have seen it, and is then deleted in turn. */
import type { NatsConnection } from 'nats'
import type { ClusterClock } from '../cluster-clock.ts'
import type { ClusterLog } from '../cluster-log.ts'
import { askJetStream } from './jetstream.ts'
import type { NatsBucket } from './nats-bucket.ts'

export type DeletionSweepPorts = { readonly bucket: NatsBucket; readonly clock: ClusterClock; readonly log: ClusterLog }

const deletionKeptMs = 3_600_000
const sweepMs = 600_000
const requestMsMax = 2500
const deletionsMax = 10_000

export class DeletionSweep {
  readonly #ports: DeletionSweepPorts
  readonly #deletions = new Map<string, { readonly sequence: number; readonly atMs: number }>()
  #timer: { cancel(): void } | undefined

  constructor(ports: DeletionSweepPorts) {
    this.#ports = ports
  }

  /** @param atMs when, by the server's clock */
  deleted(key: string, sequence: number, atMs: number): void {
    if (this.#deletions.size < deletionsMax || this.#deletions.has(key)) this.#deletions.set(key, { sequence, atMs })
  }

  written(key: string): void {
    this.#deletions.delete(key)
  }

  /** What is known to be deleted is learned anew. */
  forget(): void {
    this.#timer?.cancel()
    this.#deletions.clear()
  }

  /** Now and from time to time. By its sequence, so that nothing but the deletion itself can go; every member tries it. */
  sweep(nc: NatsConnection): void {
    const { bucket, clock, log } = this.#ports
    this.#timer?.cancel()
    if (nc.isClosed()) return
    const untilMs = clock.nowMs() - deletionKeptMs
    for (const [key, { sequence, atMs }] of this.#deletions) {
      if (atMs > untilMs) continue
      this.#deletions.delete(key)
      const subject = `$JS.API.STREAM.MSG.DELETE.${bucket.stream}`
      askJetStream(nc, { subject, body: { seq: sequence, no_erase: true } }, requestMsMax).catch((error: unknown) => {
        log.debug({ key, error: String(error) }, 'register_deletion_not_swept')
      })
    }
    this.#timer = clock.after(sweepMs, () => this.sweep(nc))
  }
}
