/** What the accepting side needs of the cluster, so that every node of it knows what a peer wants, whichever node the peer spoke to. */

/** A process of a node. */
export type MapOwner = { readonly node: string; readonly boot: string }

export type SharedChange = { readonly key: string; readonly value: number | undefined }

export interface OwnSharedMap {
  readonly size: number
  set(key: string, value: number): void
  delete(key: string): void
  /** Nobody has it any more. */
  release(): void
}

export interface SharedMapWatcher {
  /** By whoever owns it then, this process included; a change of owner is told by what differs. */
  changed(name: string, owner: MapOwner, changes: readonly SharedChange[]): void
  /** It was released or dropped. */
  dropped(name: string): void
}

export interface SharedRouteMaps {
  /** Goes on with the content of our copy. Replaces whoever owns the map under a lower life, ourselves included. */
  own(name: string, life: number): OwnSharedMap
  /** Tells first of what is there. Returns how to stop it. */
  watch(namePrefix: string, watcher: SharedMapWatcher): () => void
  /** Forgets our copy. */
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
