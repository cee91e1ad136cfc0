/** Links by their names: the list of them is another one with each change, and asked far more often than that. */
import type { LinkConfig } from '../config/config.ts'

export class LinksByName {
  readonly #read: () => readonly LinkConfig[]
  #list: readonly LinkConfig[] = []
  #byName: ReadonlyMap<string, LinkConfig> = new Map()

  /** @param read the list as it is now: the same object as long as nothing has changed in it */
  constructor(read: () => readonly LinkConfig[]) {
    this.#read = read
  }

  get(name: string): LinkConfig | undefined {
    const list = this.#read()
    if (list !== this.#list) {
      this.#list = list
      this.#byName = new Map(list.map((link) => [link.name, link]))
    }
    return this.#byName.get(name)
  }
}
