/** The actors of all nodes as lines of a tree. All pure. */
import type { Tone } from '../controls/tone.ts'

export type Actor = {
  readonly id: string
  readonly parent: string | null
  readonly state: string
  readonly since_at: string
  readonly restarts: number
}
export type NodeActors = { readonly node: string; readonly actors: readonly Actor[]; readonly truncated: boolean }

/** What the live stream tells; lines that were left out have `skipped` instead. */
export type ActorNews =
  | {
      readonly node: string
      readonly actor: string
      readonly at: string
      readonly event: string
      readonly from: string
      readonly to: string
      readonly reason?: string
    }
  | { readonly node: string; readonly skipped: number }

export type TreeLine = {
  readonly key: string
  readonly node: string
  /** `undefined`: the node itself. */
  readonly actor: Actor | undefined
  /** 0 for a node. */
  readonly depth: number
  /** Those below it, at any depth. */
  readonly below: number
  readonly isOpen: boolean
}

/** Lines of the tree that are open before anybody opens or closes one. */
const OPEN_DEPTH = 3

export type TreeView = {
  /** By the key of a line: opened or closed by hand. */
  readonly opened: ReadonlyMap<string, boolean>
  readonly search: string
}

export function treeLines(nodes: readonly NodeActors[], { opened, search }: TreeView): readonly TreeLine[] {
  const wanted = search.trim().toLowerCase()
  return nodes.flatMap(({ node, actors }) => linesOf(node, actors, opened, wanted))
}

function linesOf(
  node: string,
  actors: readonly Actor[],
  opened: ReadonlyMap<string, boolean>,
  wanted: string,
): readonly TreeLine[] {
  const children = childrenOf(actors)
  const lines: TreeLine[] = []
  /** Returns how many there are below it and, of a search, whether one of them or it fits. */
  const walk = (actor: Actor | undefined, depth: number, isShown: boolean): { below: number; fits: boolean } => {
    const key = actor === undefined ? node : `${node} ${actor.id}`
    const isOpen = wanted !== '' || (opened.get(key) ?? depth < OPEN_DEPTH)
    const place = lines.length
    const isFit = wanted === '' || (actor !== undefined && textOf(actor).includes(wanted))
    if (isShown) lines.push({ key, node, actor, depth, below: 0, isOpen })
    let below = 0
    let fits = isFit
    for (const child of children.get(actor?.id ?? null) ?? []) {
      const inside = walk(child, depth + 1, isShown && isOpen)
      below += 1 + inside.below
      fits ||= inside.fits
    }
    if (!isShown) return { below, fits }
    if (fits) lines[place] = { key, node, actor, depth, below, isOpen }
    else lines.length = place
    return { below, fits }
  }
  walk(undefined, 0, true)
  return lines
}

function textOf({ id, state }: Actor): string {
  return `${id} ${state}`.toLowerCase()
}

/** By parent; one whose parent is not known stands below the node, and so does whoever is an ancestor of itself. */
function childrenOf(actors: readonly Actor[]): ReadonlyMap<string | null, readonly Actor[]> {
  const known = new Map(actors.map((actor) => [actor.id, actor]))
  const children = new Map<string | null, Actor[]>()
  for (const actor of actors) {
    const parent = actor.parent !== null && known.has(actor.parent) && !isLoop(actor, known) ? actor.parent : null
    const siblings = children.get(parent)
    if (siblings === undefined) children.set(parent, [actor])
    else siblings.push(actor)
  }
  for (const siblings of children.values()) siblings.sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }))
  return children
}

function isLoop(actor: Actor, known: ReadonlyMap<string, Actor>): boolean {
  let above: Actor | undefined = actor
  for (let steps = 0; steps < 32; steps++) {
    above = above.parent === null ? undefined : known.get(above.parent)
    if (above === undefined) return false
  }
  return true
}

/** The actors after these transitions. @returns also whether there is one that is not known here */
export function withTransitions(
  nodes: readonly NodeActors[],
  news: readonly ActorNews[],
): { readonly nodes: readonly NodeActors[]; readonly isStale: boolean } {
  let isStale = false
  const latest = new Map<string, { state: string; since_at: string }>()
  for (const one of news) {
    if ('skipped' in one) isStale = true
    else latest.set(`${one.node} ${one.actor}`, { state: one.to, since_at: one.at })
  }
  const changed = nodes.map((of) => ({
    ...of,
    actors: of.actors.map((actor) => {
      const key = `${of.node} ${actor.id}`
      const change = latest.get(key)
      latest.delete(key)
      return change === undefined ? actor : { ...actor, ...change }
    }),
  }))
  return { nodes: changed, isStale: isStale || latest.size > 0 }
}

/** The first that fits counts. What merely rests within a state that is well does not make it rest. */
const WORDS: readonly (readonly [Tone, RegExp])[] = [
  ['bad', /\b(failed|error|refused|superseded|released)\b/],
  ['warn', /\b(degraded|waiting|disconnected|lapsed|down|retrying|doubted|unanswered|partial|restarting)\b/],
  ['busy', /\b(connecting|handshaking|bootstrapping|preparing|catching_up|candidate|speaking)\b/],
  ['off', /^(stopped|done|standby|follower|idle)\b/],
]

/** How a state is, as far as its words tell. */
export function toneOfState(state: string): Tone {
  return WORDS.find(([, words]) => words.test(state))?.[0] ?? 'good'
}

/** `eu-west/forwarding/1` below `eu-west/forwarding` -> 1: the rest, the line above says. */
export function shortName({ id, parent }: Actor): string {
  return parent !== null && id.startsWith(`${parent}/`) ? id.slice(parent.length + 1) : id
}

/** The innermost state of each part, if they differ: `session.established.agreed | changes.idle` -> agreed | idle */
export function shortState(state: string): string {
  const inner = state.split(' | ').map((part) => part.slice(part.lastIndexOf('.') + 1))
  return [...new Set(inner)].join(' | ')
}
