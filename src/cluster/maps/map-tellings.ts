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
  /** All that was told of the map has been taken back by `changed`, and it is gone. */
  dropped(name: string): void
}

export type WatchOptions = {
  /** Maps that this node owns are told of too, so that nothing is taken back when it takes over a map or gives one away. */
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
  /** What is there when the telling begins, and what is to be taken back when it ends. */
  entries: Iterator<readonly [string, number]> | undefined
  readonly changed: Set<string>
  isGone: boolean
  isOver: boolean
  /** Of the same map, to be over before. */
  after: Telling | undefined
}

export class MapTellings {
  readonly #log: ClusterLog
  readonly #wake: () => void
  readonly #watches = new Set<Watch>()
  readonly #shown = new Map<string, Shown>()
  readonly #tellings = new Map<string, Telling[]>()
  readonly #busy = new Set<Telling>()
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
    return this.#busy.size > 0
  }

  watch(namePrefix: string, watcher: MapWatcher, { own = false }: WatchOptions): () => void {
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
    for (const telling of this.#tellings.get(name) ?? []) this.#takeBack(telling)
  }

  /** A key of the map came, went or has another value. */
  touch(name: string, key: string, isGone: boolean): void {
    const tellings = this.#tellings.get(name)
    if (tellings !== undefined) for (const telling of tellings) this.#touchIn(telling, key, isGone)
  }

  /** Tells at most so many changes. */
  work(changesMax: number): void {
    let left = changesMax
    for (const telling of this.#busy) {
      if (left <= 0) break
      if (telling.after?.isOver === true) telling.after = undefined
      if (telling.isOver || telling.after !== undefined) continue
      const changes = this.#take(telling, left)
      left -= changes.length
      if (telling.entries === undefined && telling.changed.size === 0) this.#busy.delete(telling)
      if (changes.length > 0) this.#tell(telling, changes)
      if (telling.isGone && !telling.isOver && !this.#busy.has(telling)) this.#finish(telling)
    }
  }

  #showTo(watch: Watch, shown: Shown): void {
    const isWanted = shown.name.startsWith(watch.namePrefix) && (watch.own || !shown.isOwn)
    const telling = this.#tellings.get(shown.name)?.findLast((one) => one.watch === watch)
    const isTold = telling !== undefined && !telling.isGone && telling.shown.content === shown.content
    if (isTold && isWanted) {
      telling.shown = shown
      return
    }
    if (telling !== undefined) this.#takeBack(telling)
    if (isWanted) this.#begin(watch, shown, telling)
  }

  #begin(watch: Watch, shown: Shown, after: Telling | undefined): void {
    const entries = shown.content.entries()
    const telling = { watch, shown, entries, changed: new Set<string>(), isGone: false, isOver: false, after }
    const known = this.#tellings.get(shown.name)
    if (known === undefined) this.#tellings.set(shown.name, [telling])
    else known.push(telling)
    this.#work(telling)
  }

  #takeBack(telling: Telling): void {
    if (telling.isGone) return
    telling.isGone = true
    telling.entries = telling.shown.content.entries()
    this.#work(telling)
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
      else changes.push({ key: next.value[0], value: telling.isGone ? undefined : next.value[1] })
    }
    for (const key of telling.changed) {
      if (changes.length >= changesMax) break
      telling.changed.delete(key)
      this.#backlog -= 1
      changes.push({ key, value: telling.isGone ? undefined : telling.shown.content.get(key) })
    }
    return changes
  }

  #tell({ watch, shown }: Telling, changes: readonly MapChange[]): void {
    try {
      watch.watcher.changed(shown.name, shown.owner, changes)
    } catch (error) {
      this.#log.error({ map: shown.name, err: error }, 'map_listener_failed')
    }
  }

  #finish(telling: Telling): void {
    const { watch, shown } = telling
    this.#end(telling)
    try {
      watch.watcher.dropped(shown.name)
    } catch (error) {
      this.#log.error({ map: shown.name, err: error }, 'map_listener_failed')
    }
  }

  #end(telling: Telling): void {
    const { name } = telling.shown
    telling.isOver = true
    this.#backlog -= telling.changed.size
    telling.changed.clear()
    this.#busy.delete(telling)
    const left = (this.#tellings.get(name) ?? []).filter((one) => one !== telling)
    if (left.length === 0) this.#tellings.delete(name)
    else this.#tellings.set(name, left)
  }
}
