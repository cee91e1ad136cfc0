/**
 * What all registers are now, and each change, for however many watch. A bucket is a log of which the last word on each register is
 * kept: to know all of it is to read on, from the last sequence that was read to the one after it, until there is none. Nothing can
 * be passed over that way, and nothing is pushed: who writes tells on a subject of the bus that there is something to read, and
 * because that may get lost everybody looks once a second, too, and sees then whether it still is the same bucket.
 */
import type { NatsConnection } from 'nats'
import type { ClusterClock } from '../cluster-clock.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Register, RegisterWatcher } from '../coordination.ts'
import { DeletionSweep } from './deletion-sweep.ts'
import type { Asking, BucketEntry, NatsBucket } from './nats-bucket.ts'
import { decodeToken } from './subjects.ts'

export type RegisterWatchPorts = {
  readonly bucket: NatsBucket
  readonly changesSubject: string
  readonly clock: ClusterClock
  readonly random: () => number
  readonly log: ClusterLog
  readonly asking: (nc: NatsConnection) => Asking
  /** After this the bucket is there. */
  readonly ensure: (asking: Asking) => Promise<void>
}

type Watch = { readonly keyPrefix: string; readonly watcher: RegisterWatcher }

/** How often it is looked whether there is something that nobody told of. */
const lookMs = 1000
const retryMsMin = 200
const retryMsMax = 1000

/** What was read of one bucket; another bucket, and another connection, begins with a new one. */
type Copy = {
  /** The bucket's; `undefined` until it was asked for. */
  created: string | undefined
  /** The last that was read. */
  sequence: number
  /** Without what is deleted. */
  readonly registers: Map<string, Register>
  /** All that there is was read, and told. */
  isComplete: boolean
  /** When to see whether it is the same bucket, by the steady clock. */
  lookAtMs: number
}

export class RegisterWatch {
  readonly #ports: RegisterWatchPorts
  readonly #watches = new Set<Watch>()
  readonly #sweep: DeletionSweep
  #copy = emptyCopy()
  #nc: NatsConnection | undefined
  /** There may be more than what was read when it was last asked for. */
  #isStale = false
  #endPause: (() => void) | undefined

  constructor(ports: RegisterWatchPorts) {
    this.#ports = ports
    this.#sweep = new DeletionSweep(ports)
  }

  attach(nc: NatsConnection): void {
    this.#nc = nc
    const callback = (error: Error | null, { data }: { data: Uint8Array }): void => {
      if (error === null && this.#nc === nc) this.hear(Number(Buffer.from(data).toString()))
    }
    nc.subscribe(this.#ports.changesSubject, { callback })
    this.beginAgain()
    void this.#follow(nc)
  }

  detach(): void {
    this.#nc = undefined
    this.beginAgain()
  }

  watch(keyPrefix: string, watcher: RegisterWatcher): () => void {
    const watch = { keyPrefix, watcher }
    this.#watches.add(watch)
    // Nothing was read as long as nobody watched.
    if (this.#watches.size === 1) this.beginAgain()
    else if (this.#copy.isComplete) queueMicrotask(() => this.#copy.isComplete && this.#tellAll(watch))
    return () => void this.#watches.delete(watch)
  }

  beginAgain(): void {
    this.#copy = emptyCopy()
    this.#sweep.forget()
    this.#wake()
  }

  /** A node, or ours, wrote what has this sequence. */
  hear(sequence: number): void {
    if (sequence > this.#copy.sequence) this.#wake()
  }

  #wake(): void {
    this.#isStale = true
    this.#endPause?.()
  }

  /** For as long as the connection is ours. Never rejects. */
  async #follow(nc: NatsConnection): Promise<void> {
    const { log, random } = this.#ports
    while (this.#nc === nc) {
      let pauseMs = lookMs
      try {
        this.#isStale = false
        if (this.#watches.size > 0) await this.#catchUp(nc, this.#copy)
      } catch (error) {
        log.debug({ error: String(error) }, 'register_watch_failed')
        this.#copy.lookAtMs = 0
        this.#isStale = false
        pauseMs = retryMsMin + random() * (retryMsMax - retryMsMin)
      }
      if (this.#nc === nc && !this.#isStale) await this.#pause(pauseMs)
    }
  }

  /** Rejects when nobody answers; what was read until then is read. */
  async #catchUp(nc: NatsConnection, copy: Copy): Promise<void> {
    const { bucket, asking, clock } = this.#ports
    const isCurrent = (): boolean => this.#nc === nc && this.#copy === copy
    if (clock.steadyMs() >= copy.lookAtMs) await this.#look(nc, copy)
    while (isCurrent()) {
      this.#isStale = false
      const entry = await bucket.next(asking(nc), copy.sequence)
      if (!isCurrent()) return
      if (entry === undefined) break
      copy.sequence = entry.sequence
      this.#take(copy, entry)
    }
    if (isCurrent() && !copy.isComplete) this.#complete(nc, copy)
  }

  /** Begins again if what was read was another bucket, or if registers vanished from it that nobody deleted. */
  async #look(nc: NatsConnection, copy: Copy): Promise<void> {
    const { bucket, asking, ensure, clock } = this.#ports
    if (copy.created === undefined) await ensure(asking(nc))
    const registersMin = copy.registers.size
    const state = await bucket.state(asking(nc))
    if (this.#nc !== nc || this.#copy !== copy) return
    copy.lookAtMs = clock.steadyMs() + lookMs
    copy.created ??= state?.created
    const isSame =
      state !== undefined &&
      state.created === copy.created &&
      state.lastSequence >= copy.sequence &&
      state.registers >= registersMin
    if (isSame) return
    this.#ports.log.debug({ created: state?.created, lastSequence: state?.lastSequence }, 'register_bucket_changed')
    this.beginAgain()
  }

  #take(copy: Copy, { subject, value, sequence, atMs }: BucketEntry): void {
    const key = decodeToken(this.#ports.bucket.tokenOf(subject))
    if (key === undefined) return
    const register = { key, value, revision: sequence }
    if (value === undefined) {
      copy.registers.delete(key)
      this.#sweep.deleted(key, sequence, atMs)
    } else {
      copy.registers.set(key, register)
      this.#sweep.written(key)
    }
    if (!copy.isComplete) return
    for (const watch of this.#watches)
      if (key.startsWith(watch.keyPrefix)) this.#tell(watch, () => watch.watcher.changed(register))
  }

  #complete(nc: NatsConnection, copy: Copy): void {
    copy.isComplete = true
    for (const watch of this.#watches) this.#tellAll(watch)
    this.#sweep.sweep(nc)
  }

  #tellAll(watch: Watch): void {
    const keys = new Set<string>()
    for (const [key, register] of this.#copy.registers) {
      if (!key.startsWith(watch.keyPrefix)) continue
      keys.add(key)
      this.#tell(watch, () => watch.watcher.changed(register))
    }
    this.#tell(watch, () => watch.watcher.ready(keys))
  }

  #tell(watch: Watch, call: () => void): void {
    if (!this.#watches.has(watch)) return
    try {
      call()
    } catch (error) {
      this.#ports.log.error({ keyPrefix: watch.keyPrefix, error }, 'register_watcher_failed')
    }
  }

  /** Until then, or until there is something to read. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#ports.clock.after(ms, resolve)
      this.#endPause = () => {
        timer.cancel()
        resolve()
      }
    })
  }
}

function emptyCopy(): Copy {
  return { created: undefined, sequence: 0, registers: new Map(), isComplete: false, lookAtMs: 0 }
}
