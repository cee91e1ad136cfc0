/**
 * Tells listeners what is in shared maps and what changes, a slice a turn. What changes faster than it is told is told once, as it
 * stands then, so that a slow listener costs no more memory than there are keys. An entry that went is told after all that came before.
 */
import type { MapContent } from '../../routes/map-content.ts'
import type { MapChange } from '../../routes/map-protocol.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Sender } from '../coordination.ts'

export interface MapWatcher {
  /** At most 1,000 changes. A key may come again as it is known already, or go though it was never told. */
  changed(name: string, owner: Sender, changes: readonly MapChange[]): void
  /** The map and all that was told of it is gone: it was released or dropped. What is told of it after that is another one. */
  dropped(name: string): void
}

export type WatchOptions = {
  /** Also of maps while this node owns them, so that only what differs is told when it takes one over or gives it away; true if left out. */
  readonly own?: boolean
}

/** A map that is there to be told of. */
export type Shown = {
  readonly name: string
  readonly content: MapContent
  readonly owner: Sender
  readonly isOwn: boolean
}

type Watch = { readonly namePrefix: string; readonly watcher: MapWatcher; readonly own: boolean }

type Telling = {
  readonly watch: Watch
  shown: Shown
  /** What is there when the telling begins. */
  entries: Iterator<readonly [string, number]> | undefined
  readonly changed: Set<string>
}

export class MapTellings {
  readonly #log: ClusterLog
  readonly #wake: () => void
  readonly #watches = new Set<Watch>()
  readonly #shown = new Map<string, Shown>()
  readonly #tellings = new Map<string, Telling[]>()
  readonly #busy = new Set<Telling>()
  /** To be told before anything else. */
  readonly #dropped: { readonly watch: Watch; readonly name: string }[] = []
  #backlog = 0

  /** @param wake called when there is something for `work` */
  constructor(log: ClusterLog, wake: () => void) {
    this.#log = log
    this.#wake = wake
  }

  /** Changes that wait to be told. */
  get backlog(): number {
    return this.#backlog
  }

  get isBusy(): boolean {
    return this.#busy.size > 0 || this.#dropped.length > 0
  }

  watch(namePrefix: string, watcher: MapWatcher, { own = true }: WatchOptions): () => void {
    const watch = { namePrefix, watcher, own }
    this.#watches.add(watch)
    for (const shown of this.#shown.values()) this.#showTo(watch, shown)
    return () => {
      this.#watches.delete(watch)
      for (const telling of [...this.#tellings.values()].flat()) if (telling.watch === watch) this.#end(telling)
    }
  }

  /** A map is there, has another owner, or other content than it had. */
  show(shown: Shown): void {
    this.#shown.set(shown.name, shown)
    for (const watch of this.#watches) this.#showTo(watch, shown)
  }

  hide(name: string): void {
    this.#shown.delete(name)
    for (const telling of this.#tellings.get(name) ?? []) this.#drop(telling)
  }

  /** A key of the map came, went or has another value. */
  touch(name: string, key: string, isGone: boolean): void {
    const tellings = this.#tellings.get(name)
    if (tellings !== undefined) for (const telling of tellings) this.#touchIn(telling, key, isGone)
  }

  /** Tells at most so many changes. */
  work(changesMax: number): void {
    let left = changesMax
    for (const { watch, name } of this.#dropped.splice(0, left)) {
      left -= 1
      if (this.#watches.has(watch)) this.#call(name, () => watch.watcher.dropped(name))
    }
    for (const telling of this.#busy) {
      if (left <= 0) break
      const changes = this.#take(telling, left)
      left -= changes.length
      if (telling.entries === undefined && telling.changed.size === 0) this.#busy.delete(telling)
      const { watch, shown } = telling
      if (changes.length > 0) this.#call(shown.name, () => watch.watcher.changed(shown.name, shown.owner, changes))
    }
  }

  #showTo(watch: Watch, shown: Shown): void {
    if (!shown.name.startsWith(watch.namePrefix)) return
    const telling = this.#tellings.get(shown.name)?.find((one) => one.watch === watch)
    const isWanted = watch.own || !shown.isOwn
    if (isWanted && telling?.shown.content === shown.content) {
      telling.shown = shown
      return
    }
    if (telling !== undefined) this.#drop(telling)
    if (isWanted) this.#begin(watch, shown)
  }

  #begin(watch: Watch, shown: Shown): void {
    const telling = { watch, shown, entries: shown.content.entries(), changed: new Set<string>() }
    const known = this.#tellings.get(shown.name)
    if (known === undefined) this.#tellings.set(shown.name, [telling])
    else known.push(telling)
    this.#work(telling)
  }

  #drop(telling: Telling): void {
    this.#end(telling)
    this.#dropped.push({ watch: telling.watch, name: telling.shown.name })
    this.#wake()
  }

  #touchIn(telling: Telling, key: string, isGone: boolean): void {
    const { changed } = telling
    const before = changed.size
    // What came before it is told first.
    if (isGone) changed.delete(key)
    changed.add(key)
    if (changed.size > before) this.#backlog += 1
    this.#work(telling)
  }

  #work(telling: Telling): void {
    this.#busy.add(telling)
    this.#wake()
  }

  #take(telling: Telling, changesMax: number): MapChange[] {
    const changes: MapChange[] = []
    while (telling.entries !== undefined && changes.length < changesMax) {
      const next = telling.entries.next()
      if (next.done === true) telling.entries = undefined
      else changes.push({ key: next.value[0], value: next.value[1] })
    }
    for (const key of telling.changed) {
      if (changes.length >= changesMax) break
      telling.changed.delete(key)
      this.#backlog -= 1
      changes.push({ key, value: telling.shown.content.get(key) })
    }
    return changes
  }

  #call(name: string, listener: () => void): void {
    try {
      listener()
    } catch (error) {
      this.#log.error({ map: name, err: error }, 'map_listener_failed')
    }
  }

  #end(telling: Telling): void {
    const { name } = telling.shown
    this.#backlog -= telling.changed.size
    telling.changed.clear()
    this.#busy.delete(telling)
    const left = (this.#tellings.get(name) ?? []).filter((one) => one !== telling)
    if (left.length === 0) this.#tellings.delete(name)
    else this.#tellings.set(name, left)
  }
}
