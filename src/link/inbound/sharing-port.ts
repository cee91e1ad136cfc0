/** What the accepting side needs of the cluster, so that every node of it knows what a peer wants, whichever node the peer spoke to. */

/** A process of a node. */
export type MapOwner = { readonly node: string; readonly boot: string }

export type SharedChange = { readonly key: string; readonly value: number | undefined }

export interface OwnSharedMap {
  readonly size: number
  /** May be higher than what it was given. */
  readonly life: number
  get(key: string): number | undefined
  /** Goes on through changes made meanwhile. */
  entries(): Iterable<readonly [string, number]>
  set(key: string, value: number): void
  delete(key: string): void
  /** Goes on under a life above this one. */
  outlive(life: number): void
  /** Somebody else owns it under a higher life. Never called within `own`. */
  onSuperseded(listener: (by: MapOwner) => void): void
  /** Nobody speaks for it any more. Copies stay until they are dropped. */
  release(): void
}

export interface SharedMapWatcher {
  /** By whoever owns it then; a change of owner is told by what differs. In any order, and perhaps in parts. */
  changed(name: string, owner: MapOwner, changes: readonly SharedChange[]): void
  /** Our copy was dropped, and all of it taken back by `changed`. */
  dropped(name: string): void
}

export interface SharedRouteMaps {
  /**
   * Goes on with the content of our copy, unless that is of a former process of ours. Replaces whoever owns the map under a lower
   * life. Throws if there is no room for it.
   */
  own(name: string, life: number): OwnSharedMap
  /** Tells first of what is there, `own`: of our own maps too. Returns how to stop it. */
  watch(namePrefix: string, watcher: SharedMapWatcher, options: { readonly own: true }): () => void
  /** Of another owner's map, `in_sync` if we have all that the owner has. */
  copy(name: string): { readonly state: string } | undefined
  /** Of all that this node has or has a copy of. */
  list(): readonly { readonly name: string }[]
  /** Forgets our copy. If its owner goes on, it is soon here again. */
  drop(name: string): void
}

export interface Sharing {
  readonly self: MapOwner
  readonly maps: SharedRouteMaps
  /** Whether this process of a node is a member of the cluster; while we ourselves are cut off, as it was before. */
  isMember(owner: MapOwner): boolean
  /** Called after a member came or went. Returns how to stop it. */
  onMembers(listener: () => void): () => void
  /** In [0, 1). */
  readonly random: () => number
}
