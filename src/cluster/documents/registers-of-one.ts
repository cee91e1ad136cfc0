/** The registers of a node that is alone, for as long as it runs: what is to outlive it stands in the copies of its documents. */
import type { Register, Registers, RegisterWatcher, WriteResult } from '../coordination.ts'

export class RegistersOfOne implements Registers {
  readonly #registers = new Map<string, Register>()
  readonly #watches = new Map<RegisterWatcher, string>()
  #revision = 0

  async read(key: string): Promise<Register> {
    return this.#registers.get(key) ?? { key, value: undefined, revision: 0 }
  }

  async write(key: string, value: Uint8Array, revision: number): Promise<WriteResult> {
    return this.#set(key, value, revision)
  }

  async remove(key: string, revision: number): Promise<WriteResult> {
    return this.#set(key, undefined, revision)
  }

  watch(keyPrefix: string, watcher: RegisterWatcher): () => void {
    this.#watches.set(watcher, keyPrefix)
    queueMicrotask(() => {
      if (!this.#watches.has(watcher)) return
      const all = [...this.#registers.values()]
      const found = all.filter(({ key, value }) => key.startsWith(keyPrefix) && value !== undefined)
      for (const register of found) watcher.changed(register)
      watcher.ready(new Set(found.map(({ key }) => key)))
    })
    return () => void this.#watches.delete(watcher)
  }

  #set(key: string, value: Uint8Array | undefined, revision: number): WriteResult {
    const known = this.#registers.get(key)
    if (revision === 0 ? known?.value !== undefined : known?.revision !== revision) return { type: 'conflict' }
    const register = { key, value, revision: ++this.#revision }
    this.#registers.set(key, register)
    for (const [watcher, prefix] of this.#watches) if (key.startsWith(prefix)) watcher.changed(register)
    return { type: 'written', revision: register.revision }
  }
}
