/** Shared maps of a made-up cluster. What one node says another hears at once, unless it is away. */
import { randomInt } from 'node:crypto'
import type {
  MapOwner,
  OwnSharedMap,
  SharedChange,
  SharedMapWatcher,
  Sharing,
} from '../../../src/link/inbound/sharing-port.ts'

type Content = Map<string, number>
type Copy = { owner: MapOwner; life: number; readonly content: Content }

export class FakeSharedMaps {
  readonly nodes: FakeNode[] = []
  /** Changes that one node told another. */
  told = 0

  join(node: string, boot = '1'): FakeNode {
    const member = new FakeNode(this, { node, boot })
    this.nodes.push(member)
    for (const other of this.nodes) if (other !== member) other.tellAllTo(member)
    this.tellMembers()
    return member
  }

  /** Its process is gone. */
  kill(node: FakeNode): void {
    this.nodes.splice(this.nodes.indexOf(node), 1)
    this.tellMembers()
  }

  tellMembers(): void {
    for (const node of this.nodes) for (const listener of node.memberListeners) listener()
  }
}

export class FakeNode implements Sharing {
  readonly self: MapOwner
  readonly memberListeners = new Set<() => void>()
  readonly random = () => randomInt(1_000) / 1_000
  readonly copies = new Map<string, Copy>()
  #isAway = false
  readonly #cluster: FakeSharedMaps
  readonly #watchers = new Map<SharedMapWatcher, string>()

  constructor(cluster: FakeSharedMaps, self: MapOwner) {
    this.#cluster = cluster
    this.self = self
  }

  /** Neither hears nor is heard; what it missed it learns when it is back. */
  set isAway(isAway: boolean) {
    this.#isAway = isAway
    if (isAway) return
    for (const other of this.#cluster.nodes) {
      if (other === this) continue
      other.tellAllTo(this)
      this.tellAllTo(other)
    }
  }

  get isAway(): boolean {
    return this.#isAway
  }

  readonly maps = {
    own: (name: string, life: number): OwnSharedMap => this.#own(name, life),
    watch: (namePrefix: string, watcher: SharedMapWatcher): (() => void) => {
      this.#watchers.set(watcher, namePrefix)
      for (const [name, { owner, content }] of this.copies) {
        if (name.startsWith(namePrefix)) watcher.changed(name, owner, changesOf(new Map(), content))
      }
      return () => void this.#watchers.delete(watcher)
    },
    drop: (name: string): void => void this.copies.delete(name),
  }

  isMember({ node, boot }: MapOwner): boolean {
    return this.#cluster.nodes.some(({ self }) => self.node === node && self.boot === boot)
  }

  onMembers(listener: () => void): () => void {
    this.memberListeners.add(listener)
    return () => void this.memberListeners.delete(listener)
  }

  tellAllTo(other: FakeNode): void {
    for (const [name, copy] of this.copies) if (copy.owner === this.self) other.hear(name, copy)
  }

  hear(name: string, { owner, life, content }: Copy): void {
    const known = this.copies.get(name)
    if (this.#isAway || (known !== undefined && !isNewer({ owner, life }, known))) return
    const changes = changesOf(known?.content ?? new Map(), content)
    this.copies.set(name, { owner, life, content: new Map(content) })
    this.#cluster.told += changes.length
    for (const [watcher, namePrefix] of this.#watchers)
      if (name.startsWith(namePrefix) && changes.length > 0) watcher.changed(name, owner, changes)
  }

  forget(name: string, owner: MapOwner): void {
    if (this.#isAway || this.copies.get(name)?.owner !== owner) return
    this.copies.delete(name)
    for (const [watcher, namePrefix] of this.#watchers) if (name.startsWith(namePrefix)) watcher.dropped(name)
  }

  #own(name: string, life: number): OwnSharedMap {
    const before = this.copies.get(name)
    const copy: Copy = { owner: this.self, life, content: before?.content ?? new Map() }
    this.copies.set(name, copy)
    // A higher one that others know of is heard of in answer.
    const tell = (isChange: boolean): void => {
      if (!isChange || this.copies.get(name) !== copy || this.#isAway) return
      for (const other of this.#cluster.nodes) {
        if (other === this || other.isAway) continue
        other.hear(name, copy)
        const theirs = other.copies.get(name)
        if (theirs !== undefined && theirs.owner === other.self) this.hear(name, theirs)
      }
    }
    const { content } = copy
    return {
      get size() {
        return content.size
      },
      set: (key, value) => {
        const isChange = content.get(key) !== value
        content.set(key, value)
        tell(isChange)
      },
      delete: (key) => tell(content.delete(key)),
      release: () => {
        if (this.copies.get(name) !== copy) return
        this.copies.delete(name)
        for (const other of this.#cluster.nodes) if (other !== this) other.forget(name, this.self)
      },
    }
  }
}

function isNewer(one: Omit<Copy, 'content'>, other: Omit<Copy, 'content'>): boolean {
  if (one.life !== other.life) return one.life > other.life
  return one.owner.node >= other.owner.node
}

function changesOf(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): SharedChange[] {
  const changed = [...after].flatMap(([key, value]) => (before.get(key) === value ? [] : [{ key, value }]))
  const gone = [...before.keys()].flatMap((key) => (after.has(key) ? [] : [{ key, value: undefined }]))
  return [...changed, ...gone]
}
