/** What stands on the map, and where. All pure; in pixels of the drawing. */
import type { LinkStatus } from '../api/link.ts'
import type { LinkEntry } from '../links/list/link-entries.ts'

/** One line to a peer, or to a group of peers whose links do alike. */
export type MapEntry = {
  readonly key: string
  readonly title: string
  readonly status: LinkStatus
  /** More than one: a group. */
  readonly links: number
  readonly reason: string
  /** Messages per second. */
  readonly outRate: number
  readonly inRate: number
  readonly outbox: number
  /** What the peers want of us, and we of them. */
  readonly routes: { readonly peers: number; readonly ours: number }
}

/** Beyond so many links, those of one status that are many stand together. */
export const SINGLE_MAX = 24
/** So few of one status are shown one by one all the same: those that need somebody are seldom many. */
const FEW = 6

const ORDER: readonly LinkStatus[] = [
  'failed',
  'inconsistent',
  'degraded',
  'connecting',
  'bootstrapping',
  'running',
  'stopped',
]

export function mapEntries(links: readonly LinkEntry[]): readonly MapEntry[] {
  if (links.length <= SINGLE_MAX) return links.map(single)
  return ORDER.flatMap((status) => {
    const those = links.filter((link) => link.status === status)
    return those.length <= FEW ? those.map(single) : [group(status, those)]
  })
}

function single({ name, status, reason, live }: LinkEntry): MapEntry {
  return {
    key: `link ${name}`,
    title: name,
    status,
    links: 1,
    reason,
    outRate: live?.out_rate ?? 0,
    inRate: live?.in_rate ?? 0,
    outbox: live?.outbox ?? 0,
    routes: live?.routes ?? { peers: 0, ours: 0 },
  }
}

function group(status: LinkStatus, links: readonly LinkEntry[]): MapEntry {
  const sum = (value: (entry: MapEntry) => number): number =>
    links.reduce((total, link) => total + value(single(link)), 0)
  return {
    key: `all ${status}`,
    title: `${links.length} ${status}`,
    status,
    links: links.length,
    reason: '',
    outRate: sum(({ outRate }) => outRate),
    inRate: sum(({ inRate }) => inRate),
    outbox: sum(({ outbox }) => outbox),
    routes: { peers: sum(({ routes }) => routes.peers), ours: sum(({ routes }) => routes.ours) },
  }
}

export type Box = { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
export type PeerPlace = {
  readonly box: Box
  /** From our cluster to the peer; what comes in goes the other way, beside it. */
  readonly out: string
  readonly in: string
  readonly bed: string
}
export type MapPlaces = {
  readonly width: number
  readonly height: number
  readonly cluster: Box
  readonly nodes: readonly Box[]
  readonly peers: readonly PeerPlace[]
}

/** Narrower, the peers stand below our cluster instead of beside it. */
const BESIDE_PX = 720
const EDGE = 8
const PEER_HEIGHT = 52
const PEER_GAP = 16
/** Between few peers, who have room. */
const FEW_ROWS = 4
const FEW_GAP = 44
const NODE_HEIGHT = 44
const NODE_GAP = 8
const CLUSTER_HEAD = 40
/** What goes out and what comes in run side by side. */
const LANE = 5

/** @param width of what there is for the drawing */
export function placesOf(width: number, nodes: number, peers: number): MapPlaces {
  return width >= BESIDE_PX ? beside(width, nodes, peers) : below(width, nodes, peers)
}

const clusterHeight = (nodes: number): number => CLUSTER_HEAD + nodes * (NODE_HEIGHT + NODE_GAP) + NODE_GAP
const columnHeight = (peers: number, gap = PEER_GAP): number => peers * (PEER_HEIGHT + gap) - gap

function nodeBoxes(cluster: Box, nodes: number): Box[] {
  return Array.from({ length: nodes }, (_, at) => ({
    x: cluster.x + NODE_GAP,
    y: cluster.y + CLUSTER_HEAD + at * (NODE_HEIGHT + NODE_GAP),
    width: cluster.width - 2 * NODE_GAP,
    height: NODE_HEIGHT,
  }))
}

/** Our cluster in the middle, peers on both sides of it, the first one at the top right. */
function beside(width: number, nodes: number, peers: number): MapPlaces {
  const rows = Math.ceil(peers / 2)
  const gap = rows <= FEW_ROWS ? FEW_GAP : PEER_GAP
  const height = Math.max(clusterHeight(nodes), columnHeight(rows, gap), 120) + 2 * EDGE
  const clusterWidth = Math.min(250, width * 0.26)
  const peerWidth = Math.min(240, width * 0.25)
  const ours = clusterHeight(nodes)
  const cluster = { x: (width - clusterWidth) / 2, y: (height - ours) / 2, width: clusterWidth, height: ours }
  const places = Array.from({ length: peers }, (_, at) => {
    const isRight = at % 2 === 0
    const row = Math.floor(at / 2)
    const ofSide = isRight ? rows : Math.floor(peers / 2)
    const top = (height - columnHeight(ofSide, gap)) / 2
    const box = {
      x: isRight ? width - EDGE - peerWidth : EDGE,
      y: top + row * (PEER_HEIGHT + gap),
      width: peerWidth,
      height: PEER_HEIGHT,
    }
    const fromX = isRight ? cluster.x + cluster.width : cluster.x
    const fromY = cluster.y + (cluster.height * (row + 1)) / (ofSide + 1)
    const toX = isRight ? box.x : box.x + box.width
    const toY = box.y + box.height / 2
    const bend = (fromX + toX) / 2
    const path = (shift: number, back: boolean): string =>
      back
        ? `M${r(toX)} ${r(toY + shift)}C${r(bend)} ${r(toY + shift)} ${r(bend)} ${r(fromY + shift)} ${r(fromX)} ${r(fromY + shift)}`
        : `M${r(fromX)} ${r(fromY + shift)}C${r(bend)} ${r(fromY + shift)} ${r(bend)} ${r(toY + shift)} ${r(toX)} ${r(toY + shift)}`
    return { box, bed: path(0, false), out: path(-LANE, false), in: path(LANE, true) }
  })
  return { width, height, cluster, nodes: nodeBoxes(cluster, nodes), peers: places }
}

/** Our cluster above, a trunk down its left side, and a branch to each peer. */
function below(width: number, nodes: number, peers: number): MapPlaces {
  const ours = clusterHeight(nodes)
  const cluster = { x: EDGE, y: EDGE, width: width - 2 * EDGE, height: ours }
  const indent = 56
  const bottom = cluster.y + cluster.height
  const places = Array.from({ length: peers }, (_, at) => {
    const box = {
      x: indent,
      y: bottom + 24 + at * (PEER_HEIGHT + PEER_GAP),
      width: width - indent - EDGE,
      height: PEER_HEIGHT,
    }
    const y = box.y + box.height / 2
    const path = (shift: number, back: boolean): string => {
      const x = EDGE + 18 - shift
      const to = y + shift
      return back
        ? `M${r(box.x)} ${r(to)}H${r(x + 10)}Q${r(x)} ${r(to)} ${r(x)} ${r(to - 10)}V${r(bottom)}`
        : `M${r(x)} ${r(bottom)}V${r(to - 10)}Q${r(x)} ${r(to)} ${r(x + 10)} ${r(to)}H${r(box.x)}`
    }
    return { box, bed: path(0, false), out: path(-LANE, false), in: path(LANE, true) }
  })
  const height = bottom + (peers === 0 ? 0 : 24 + columnHeight(peers)) + EDGE
  return { width, height, cluster, nodes: nodeBoxes(cluster, nodes), peers: places }
}

const r = (value: number): number => Math.round(value * 10) / 10

/** How thick a lane is drawn, in pixels; in steps, so that it does not tremble. 0 for nothing at all. */
export function laneWidth(rate: number): number {
  return rate <= 0 ? 0 : Math.min(8, 2 + step(rate) * 1.5)
}

/** In how many seconds what is drawn on a lane goes on by one of its dashes. */
export function laneSeconds(rate: number): number {
  return Math.max(0.4, 2 - step(rate) * 0.4)
}

/** 0 up to 1/s, 1 at 10/s, 2 at 100/s; in halves. */
function step(rate: number): number {
  return Math.round(Math.log10(Math.max(1, rate)) * 2) / 2
}

/** Cut to what has room, in letters of about that width. */
export function fitted(text: string, px: number, letterPx: number): string {
  const room = Math.max(4, Math.floor(px / letterPx))
  return text.length <= room ? text : `${text.slice(0, room - 1)}…`
}
