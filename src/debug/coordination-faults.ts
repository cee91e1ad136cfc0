/**
 * Cuts a node off from what its cluster coordinates through, as a broken line would. Stands between the cluster and the coordination,
 * only where the configuration allows faults.
 */
import type { ClusterClock } from '../cluster/cluster-clock.ts'
import { ClusterError } from '../cluster/cluster-error.ts'
import type { Bus, Coordination, Registers, RegisterWatcher, Sender } from '../cluster/coordination.ts'

type Watch = { readonly keyPrefix: string; readonly watcher: RegisterWatcher; stop: () => void }

const nothing = (): void => undefined

export class CoordinationFaults implements Coordination {
  readonly bus: Bus
  readonly registers: Registers
  readonly #inner: Coordination
  readonly #clock: Pick<ClusterClock, 'after'>
  readonly #listeners = new Set<(isConnected: boolean) => void>()
  readonly #watches = new Set<Watch>()
  readonly #stopListening: () => void
  #cut: { cancel(): void } | undefined
  /** As the listeners were last told. */
  #told: boolean

  constructor(inner: Coordination, clock: Pick<ClusterClock, 'after'>) {
    this.#inner = inner
    this.#clock = clock
    this.#told = inner.isConnected
    this.#stopListening = inner.onConnection(() => this.#tell())
    const { bus, registers } = inner
    this.bus = {
      payloadBytesMax: bus.payloadBytesMax,
      broadcast: (channel, payload) => {
        if (!this.#isCut) bus.broadcast(channel, payload)
      },
      send: (node, channel, payload) => {
        if (!this.#isCut) bus.send(node, channel, payload)
      },
      listen: (channel, receive) =>
        bus.listen(channel, (from, payload) => {
          if (!this.#isCut) receive(from, payload)
        }),
    }
    this.registers = {
      read: (key) => this.#reach(() => registers.read(key)),
      write: (key, value, revision) => this.#reach(() => registers.write(key, value, revision)),
      remove: (key, revision) => this.#reach(() => registers.remove(key, revision)),
      watch: (keyPrefix, watcher) => this.#watch(keyPrefix, watcher),
    }
  }

  get self(): Sender {
    return this.#inner.self
  }

  get isConnected(): boolean {
    return this.#inner.isConnected && !this.#isCut
  }

  onConnection(listener: (isConnected: boolean) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  close(): Promise<void> {
    this.#cut?.cancel()
    this.#stopListening()
    return this.#inner.close()
  }

  /** For so long, from now on, milliseconds; 0 ends it. */
  cut(ms: number): void {
    this.#cut?.cancel()
    if (ms === 0) return this.#mend()
    const wasCut = this.#isCut
    this.#cut = this.#clock.after(ms, () => this.#mend())
    if (wasCut) return
    for (const watch of this.#watches) watch.stop()
    this.#tell()
  }

  get #isCut(): boolean {
    return this.#cut !== undefined
  }

  #mend(): void {
    if (!this.#isCut) return
    this.#cut = undefined
    this.#tell()
    for (const watch of this.#watches) watch.stop = this.#inner.registers.watch(watch.keyPrefix, watch.watcher)
  }

  #tell(): void {
    const { isConnected } = this
    if (this.#told === isConnected) return
    this.#told = isConnected
    for (const listener of this.#listeners) listener(isConnected)
  }

  async #reach<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#isCut) throw new ClusterError('COORDINATION_LOST', 'cut by fault.cut_coordination')
    return ask()
  }

  /** After a cut it begins again, as the port says. */
  #watch(keyPrefix: string, watcher: RegisterWatcher): () => void {
    const stop = this.#isCut ? nothing : this.#inner.registers.watch(keyPrefix, watcher)
    const watch: Watch = { keyPrefix, watcher, stop }
    this.#watches.add(watch)
    return () => {
      this.#watches.delete(watch)
      watch.stop()
    }
  }
}
