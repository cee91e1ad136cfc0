/**
 * What a node says of itself to the others, in a map of its own: which filters and shared groups have subscribers here, and which
 * clients have a session here. And what it takes over of what they say: their filters become destinations of the broker, their
 * sessions entries of the directory.
 *
 * A member that has fallen silent may still serve its clients, cut off from us as it is: with us it keeps all its destinations for a
 * while, and what is published for them waits in its lane. After that, or when it said goodbye, it keeps those of sessions that
 * outlive their connections. Its sessions are nobody's at once: whoever comes to us is ours.
 */
import { topicFilterProblem } from '../topics/topic-filter.ts'
import type { ClusterClock } from './cluster-clock.ts'
import type { ClusterLog } from './cluster-log.ts'
import type { Sender } from './coordination.ts'

/** A filter or a group that this node's own sessions have subscribed to. */
export type LocalInterest =
  | { readonly kind: 'filter'; readonly topicFilter: string; readonly isKept: boolean }
  | { readonly kind: 'group'; readonly shareName: string; readonly topicFilter: string; readonly isKept: boolean }

export type LocalInterestChange = {
  readonly type: 'added' | 'changed' | 'removed'
  readonly entry: LocalInterest
}

/** The broker as far as members are concerned. */
export interface MemberRoutes {
  localInterest(): Iterable<LocalInterest>
  onLocalInterest(listener: (change: LocalInterestChange) => void): () => void
  addMemberRoute(node: string, topicFilter: string): void
  removeMemberRoute(node: string, topicFilter: string): void
  /** `isReady`: the node is there. */
  addMemberGroup(node: string, shareName: string, topicFilter: string, isReady: boolean): void
  removeMemberGroup(node: string, shareName: string, topicFilter: string): void
}

/** Where the sessions of all members are. */
export interface SessionClaims {
  claimed(node: string, clientId: string, stamp: number): void
  unclaimed(node: string, clientId: string): void
}

export interface FactsOfAnother {
  /** `in_sync`: it has all that its owner has. */
  readonly state: string
  get(key: string): number | undefined
  entries(): Iterable<readonly [key: string, value: number]>
}

export interface FactMaps {
  own(name: string, life: number): { set(key: string, value: number): void; delete(key: string): void; release(): void }
  watch(
    namePrefix: string,
    listener: {
      changed(
        name: string,
        owner: Sender,
        changes: readonly { readonly key: string; readonly value: number | undefined }[],
      ): void
      dropped(name: string): void
    },
  ): () => void
  copy(name: string): FactsOfAnother | undefined
  list(): readonly { readonly name: string }[]
  drop(name: string): void
  /** Whether watchers have been told all that is in the copies. */
  readonly isTold: boolean
}

export type MemberFactsPorts = {
  readonly self: Sender
  readonly maps: FactMaps
  readonly routes: MemberRoutes
  readonly claims: SessionClaims
  readonly clock: ClusterClock
  readonly log: ClusterLog
}

const PREFIX = 'member/'
/** Kinds of keys: the first character. */
const FILTER = 'f'
const GROUP = 'g'
const SESSION = 's'
/** Values of filters and groups: somebody has subscribed; somebody whose session outlives the connection has. */
const WANTED = 1
const WANTED_BY_KEPT = 3
/** So long a silent member may be one that is cut off, milliseconds: NATS was away for 30 s, say. */
const SILENT_MS = 60_000
/** So long a member that is back has to say what it wants, before what others said of it is forgotten, milliseconds. */
const BACK_MS = 10_000
/** Entries of a member that come or go are dealt with so many in a turn. */
const ENTRIES_PER_TURN = 1_000

export class MemberFacts {
  readonly #ports: MemberFactsPorts
  readonly #own: ReturnType<FactMaps['own']>
  readonly #stops: (() => void)[] = []
  /** Members that are there. What is said of others is known, and counts as far as it outlives them. */
  readonly #present = new Set<string>()
  /** Members that may still serve their clients, though nothing is heard of them. */
  readonly #silent = new Map<string, { cancel(): void }>()
  /** What others said of members that we never heard: who is awaited there. */
  readonly #awaited = new Map<string, Set<string>>()
  readonly #back = new Map<string, { cancel(): void }>()
  #isStopped = false

  /** @param life of this process: higher than that of every former process of this node */
  constructor(ports: MemberFactsPorts, life: number) {
    this.#ports = ports
    this.#own = ports.maps.own(PREFIX + ports.self.node, life)
    for (const interest of ports.routes.localInterest()) this.#own.set(keyOf(interest), valueOf(interest))
    this.#stops.push(
      ports.routes.onLocalInterest(({ type, entry }) => {
        if (type === 'removed') this.#own.delete(keyOf(entry))
        else this.#own.set(keyOf(entry), valueOf(entry))
      }),
      ports.maps.watch(PREFIX, {
        changed: (name, owner, changes) => this.#changed(name, owner, changes),
        // We drop maps ourselves alone, and have let go of what they said before.
        dropped: () => undefined,
      }),
    )
  }

  /** A session is here now, claimed at this stamp. */
  claim(clientId: string, stamp: number): void {
    this.#own.set(SESSION + clientId, stamp)
  }

  unclaim(clientId: string): void {
    this.#own.delete(SESSION + clientId)
  }

  /** A member is there, for the first time or again: all that is known of it counts. */
  present(node: string): void {
    this.#speaks(node)
    if (this.#present.has(node)) return
    this.#present.add(node)
    this.#review(node)
    if (this.#awaited.has(node)) this.#settleAwaited(node)
  }

  // ---- members that were away when this node came

  /** Of each member that is not among these: the keys that count while it is away. For a node that joins. */
  awaitedBut(present: ReadonlySet<string>): ReadonlyMap<string, readonly string[]> {
    const { maps, self } = this.#ports
    const found = new Map<string, readonly string[]>()
    const names = maps.list().flatMap(({ name }) => (name.startsWith(PREFIX) ? [name.slice(PREFIX.length)] : []))
    for (const node of new Set([...names, ...this.#awaited.keys()])) {
      if (node === self.node || present.has(node)) continue
      const said = Array.from(maps.copy(PREFIX + node)?.entries() ?? [])
        .filter(([key, value]) => value === WANTED_BY_KEPT && key[0] !== SESSION)
        .map(([key]) => key)
      const keys = [...said, ...(this.#awaited.get(node) ?? [])]
      if (keys.length > 0) found.set(node, keys)
    }
    return found
  }

  /** Another member says who is awaited at one that we never heard. */
  awaitAt(node: string, keys: Iterable<string>): void {
    const { maps, self } = this.#ports
    if (node === self.node || this.#present.has(node) || maps.copy(PREFIX + node) !== undefined) return
    const awaited = this.#awaited.get(node) ?? new Set()
    this.#awaited.set(node, awaited)
    for (const key of keys) {
      awaited.add(key)
      this.#add(node, key, false)
    }
  }

  /** It is back, and says by itself what it wants: what it does not say within a while nobody waits for any more. */
  #settleAwaited(node: string): void {
    this.#back.get(node)?.cancel()
    const later = this.#ports.clock.after(BACK_MS, () => {
      this.#back.delete(node)
      this.#dropAwaited(node)
    })
    this.#back.set(node, later)
  }

  #dropAwaited(node: string): void {
    const awaited = this.#awaited.get(node)
    this.#awaited.delete(node)
    for (const key of awaited ?? [])
      if (this.#ports.maps.copy(PREFIX + node)?.get(key) === undefined) this.#withdraw(node, key)
  }

  /** Whether all that this member says is known here, and counts. */
  isKnown(node: string): boolean {
    const { maps } = this.#ports
    return maps.copy(PREFIX + node)?.state === 'in_sync' && maps.isTold
  }

  /**
   * A member is away. `silent`: it may only be cut off, so that all it said counts for a while; `left`: what it said counts for
   * sessions that outlive its connections.
   * @param done called when that is so
   */
  absent(node: string, how: 'silent' | 'left', done: () => void = () => undefined): void {
    this.#speaks(node)
    if (how === 'silent') {
      const later = this.#ports.clock.after(SILENT_MS, () => {
        this.#silent.delete(node)
        this.#review(node)
      })
      this.#silent.set(node, later)
    }
    if (this.#present.delete(node)) this.#review(node, done)
    else done()
  }

  #speaks(node: string): void {
    this.#silent.get(node)?.cancel()
    this.#silent.delete(node)
  }

  /** A member will not come back: nothing that it said counts any more. */
  forget(node: string): void {
    this.#speaks(node)
    this.#present.delete(node)
    this.#dropAwaited(node)
    const name = PREFIX + node
    const entries = this.#ports.maps.copy(name)?.entries() ?? []
    this.#ports.maps.drop(name)
    this.#inSlices(entries, (key) => {
      // Unless it came back meanwhile.
      if (!this.#present.has(node)) this.#withdraw(node, key)
    })
  }

  stop(): void {
    this.#isStopped = true
    for (const later of [...this.#silent.values(), ...this.#back.values()]) later.cancel()
    for (const stop of this.#stops) stop()
    this.#own.release()
  }

  #changed(
    name: string,
    owner: Sender,
    changes: readonly { readonly key: string; readonly value: number | undefined }[],
  ): void {
    const node = name.slice(PREFIX.length)
    if (node === this.#ports.self.node) return
    if (owner.node !== node) {
      this.#ports.log.warn({ map: name, owner: owner.node }, 'member_facts_of_another_node_ignored')
      return
    }
    for (const { key, value } of changes) {
      if (value === undefined) this.#withdraw(node, key)
      else this.#apply(node, key, value)
    }
  }

  #review(node: string, done: () => void = () => undefined): void {
    const name = PREFIX + node
    this.#inSlices(
      this.#ports.maps.copy(name)?.entries() ?? [],
      (key) => {
        const value = this.#ports.maps.copy(name)?.get(key)
        if (value !== undefined) this.#apply(node, key, value)
      },
      done,
    )
  }

  /** As it should be by what is known now; the broker takes what it has already for no change. */
  #apply(node: string, key: string, value: number): void {
    const { claims } = this.#ports
    const isPresent = this.#present.has(node)
    const rest = key.slice(1)
    if (key[0] === SESSION) {
      if (isPresent) claims.claimed(node, rest, value)
      else claims.unclaimed(node, rest)
      return
    }
    if (!isPresent && !this.#silent.has(node) && value !== WANTED_BY_KEPT) return this.#withdraw(node, key)
    this.#add(node, key, isPresent)
  }

  #add(node: string, key: string, isPresent: boolean): void {
    const { routes } = this.#ports
    const rest = key.slice(1)
    if (key[0] === FILTER && isFilter(rest)) routes.addMemberRoute(node, rest)
    else if (key[0] === GROUP) {
      const group = parseGroup(rest)
      if (group !== undefined) routes.addMemberGroup(node, group.shareName, group.topicFilter, isPresent)
    }
  }

  #withdraw(node: string, key: string): void {
    const { routes, claims } = this.#ports
    const rest = key.slice(1)
    if (key[0] === SESSION) claims.unclaimed(node, rest)
    else if (key[0] === FILTER && isFilter(rest)) routes.removeMemberRoute(node, rest)
    else if (key[0] === GROUP) {
      const group = parseGroup(rest)
      if (group !== undefined) routes.removeMemberGroup(node, group.shareName, group.topicFilter)
    }
  }

  /** The entries may change meanwhile. */
  #inSlices(
    entries: Iterable<readonly [key: string, value: number]>,
    act: (key: string) => void,
    done: () => void = () => undefined,
  ): void {
    const left = entries[Symbol.iterator]()
    const slice = (): void => {
      if (this.#isStopped) return
      for (let count = 0; count < ENTRIES_PER_TURN; count++) {
        const next = left.next()
        if (next.done === true) return done()
        act(next.value[0])
      }
      this.#ports.clock.after(0, slice)
    }
    slice()
  }
}

function keyOf(interest: LocalInterest): string {
  return interest.kind === 'filter'
    ? FILTER + interest.topicFilter
    : `${GROUP}${interest.shareName}/${interest.topicFilter}`
}

function valueOf({ isKept }: LocalInterest): number {
  return isKept ? WANTED_BY_KEPT : WANTED
}

/** The name of a share has no slash. */
function parseGroup(text: string): { readonly shareName: string; readonly topicFilter: string } | undefined {
  const slash = text.indexOf('/')
  const topicFilter = text.slice(slash + 1)
  return slash > 0 && isFilter(topicFilter) ? { shareName: text.slice(0, slash), topicFilter } : undefined
}

/** What comes over the bus is not trusted to be one. */
function isFilter(text: string): boolean {
  return topicFilterProblem(text) === undefined
}
