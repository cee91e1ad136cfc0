/** The listeners that the configuration names: started, changed and stopped as it says, each told of in the log. */
import type { ConfigChange } from '../config/diff-config.ts'
import {
  type ListenerConfig,
  listenerId,
  type ListenersConfig,
  listenerTypes,
} from '../config/listeners/listener-config.ts'
import type { Logger } from './logger.ts'
import type { Server } from './server.ts'

export class Listening {
  readonly #server: Server
  readonly #log: Logger
  readonly #addresses = new Map<string, string>()

  constructor(server: Server, log: Logger) {
    this.#server = server
    this.#log = log
  }

  /** Where each listener really listens, by type and name: `tcp:default`. */
  get addresses(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#addresses)
  }

  /** Rejects with `ListenerError` if one can't listen; those before it do. */
  async start(listeners: ListenersConfig): Promise<void> {
    for (const type of listenerTypes) {
      for (const [name, listener] of Object.entries(listeners[type])) await this.#listen(name, listener)
    }
  }

  /** A listener that fails is logged, and is no reason to give up the rest of a change. */
  async apply(changes: readonly ConfigChange[]): Promise<void> {
    const changed = changes.filter((change) => !this.#reconfigure(change))
    // All that go before any that come: two listeners may change places.
    for (const change of changed) {
      if (change.type === 'listener_removed' || change.type === 'listener_changed')
        this.#unlisten(listenerId(change.before.type, change.name))
    }
    for (const change of changed) {
      if (change.type === 'listener_added' || change.type === 'listener_changed')
        await this.#relisten(change.name, change.after)
    }
  }

  /** The server has closed them all. */
  closed(): void {
    this.#addresses.clear()
  }

  async #listen(name: string, listener: ListenerConfig): Promise<void> {
    if (!listener.enable) return
    const bind = await this.#server.listen(name, listener)
    const id = listenerId(listener.type, name)
    this.#addresses.set(id, bind)
    this.#log.info({ listener: id, bind }, 'listener_started')
  }

  async #relisten(name: string, listener: ListenerConfig): Promise<void> {
    try {
      await this.#listen(name, listener)
    } catch (error) {
      this.#log.error({ err: error, listener: listenerId(listener.type, name) }, 'listener_start_failed')
    }
  }

  /** Returns whether nothing more is to be done: the listener has taken over its new options, or keeps its old ones. */
  #reconfigure(change: ConfigChange): boolean {
    if (change.type !== 'listener_changed' || !change.after.enable) return false
    try {
      return this.#server.reconfigure(change.name, change.after)
    } catch (error) {
      this.#log.error({ err: error, listener: listenerId(change.after.type, change.name) }, 'listener_change_failed')
      return true
    }
  }

  #unlisten(id: string): void {
    if (!this.#addresses.delete(id)) return
    this.#server.unlisten(id)
    this.#log.info({ listener: id }, 'listener_stopped')
  }
}
