/** The drawing of the map. Each peer is a link that the keyboard reaches; what moves shows rates, and stands still for whoever wants that. */
import type { ClusterNode } from '../api/cluster-node.ts'
import { Dot, toneOf } from '../controls/status-badge.tsx'
import type { Tone } from '../controls/tone.ts'
import { compact, count } from '../format/number.ts'
import { nodeHash } from '../nodes/node-address.ts'
import { isRunning } from '../nodes/use-nodes.ts'
import { hrefOf } from './map-address.ts'
import { fitted, laneSeconds, laneWidth, placesOf, type Box, type MapEntry, type PeerPlace } from './map-places.ts'

export type MapDrawingProps = {
  /** Pixels. */
  readonly width: number
  readonly nodes: readonly ClusterNode[]
  readonly entries: readonly MapEntry[]
  /** Key of the one that is pointed at. */
  readonly picked: string
  readonly onPick: (key: string) => void
}

/** Nodes that have a box of their own. */
const NODES_MAX = 8

export function MapDrawing({ width, nodes, entries, picked, onPick }: MapDrawingProps) {
  const shownNodes = nodes.slice(0, nodes.length > NODES_MAX ? NODES_MAX - 1 : NODES_MAX)
  const places = placesOf(width, nodes.length > NODES_MAX ? NODES_MAX : nodes.length, entries.length)
  const name = nodes.find(isRunning)?.cluster ?? 'this cluster'
  const rest = places.nodes[shownNodes.length]
  return (
    <svg
      class="map"
      width={places.width}
      height={places.height}
      viewBox={`0 0 ${places.width} ${places.height}`}
      role="group"
      aria-label={`${name} and its links`}
    >
      {entries.map((entry, at) => (
        <Lanes key={entry.key} entry={entry} place={places.peers[at]} isPicked={entry.key === picked} />
      ))}
      <g class="map-cluster">
        <rect {...places.cluster} rx="10" />
        <text x={places.cluster.x + 12} y={places.cluster.y + 25} class="map-title">
          {fitted(name, places.cluster.width - 24, 8.5)}
        </text>
      </g>
      {shownNodes.map((node, at) => (
        <NodeBox key={node.node} node={node} box={places.nodes[at]} />
      ))}
      {nodes.length > NODES_MAX && rest !== undefined && (
        <text x={rest.x + 10} y={rest.y + 26} class="map-small">
          and {count(nodes.length - shownNodes.length)} more nodes
        </text>
      )}
      {entries.map((entry, at) => (
        <Peer
          key={entry.key}
          entry={entry}
          place={places.peers[at]}
          isPicked={entry.key === picked}
          onPick={() => onPick(entry.key)}
        />
      ))}
    </svg>
  )
}

type LanesProps = { readonly entry: MapEntry; readonly place: PeerPlace | undefined; readonly isPicked: boolean }

function Lanes({ entry, place, isPicked }: LanesProps) {
  if (place === undefined) return null
  const { status, outRate, inRate } = entry
  const isWell = status === 'running'
  return (
    <g class={`map-lanes ${toneOf(status)}${isPicked ? ' picked' : ''}`}>
      <path class={isWell ? 'map-bed' : 'map-bed broken'} d={place.bed} />
      <Lane way="out" d={place.out} rate={outRate} />
      <Lane way="in" d={place.in} rate={inRate} />
    </g>
  )
}

function Lane({ way, d, rate }: { readonly way: 'out' | 'in'; readonly d: string; readonly rate: number }) {
  const width = laneWidth(rate)
  if (width === 0) return null
  return (
    <path
      class={`map-lane flow-${way}`}
      d={d}
      style={{ strokeWidth: `${width}px`, animationDuration: `${laneSeconds(rate)}s` }}
    />
  )
}

function NodeBox({ node, box }: { readonly node: ClusterNode; readonly box: Box | undefined }) {
  if (box === undefined) return null
  const tone: Tone = isRunning(node) ? (node.coordination === 'lost' ? 'warn' : 'good') : 'bad'
  const words = isRunning(node) ? `${count(node.live_connections)} clients` : 'silent'
  return (
    <a class="map-node" href={nodeHash(node.node)} aria-label={`Node ${node.node}: ${words}`}>
      <rect {...box} rx="6" />
      <g transform={`translate(${box.x + 10} ${box.y + 10})`}>
        <Dot tone={tone} />
      </g>
      <text x={box.x + 26} y={box.y + 19} class="map-name">
        {fitted(node.node, box.width - 34, 7.4)}
      </text>
      <text x={box.x + 26} y={box.y + 36} class="map-small">
        {words}
      </text>
    </a>
  )
}

type PeerProps = LanesProps & { readonly onPick: () => void }

function Peer({ entry, place, isPicked, onPick }: PeerProps) {
  if (place === undefined) return null
  const { title, status, links, reason, outRate, inRate } = entry
  const { box } = place
  const flow = `↗ ${compact(outRate)}/s   ↙ ${compact(inRate)}/s`
  const isSilent = outRate === 0 && inRate === 0
  const said = status === 'running' || links > 1 ? flow : isSilent ? status : `${status}   ${flow}`
  const label = [
    `${title}: ${links === 1 ? `${status}, ` : ''}out ${compact(outRate)} per second, in ${compact(inRate)}`,
  ]
  if (reason !== '') label.push(reason)
  return (
    <a
      class={`map-peer ${toneOf(status)}${isPicked ? ' picked' : ''}`}
      href={hrefOf(entry)}
      aria-label={label.join('. ')}
      onFocus={onPick}
      onMouseEnter={onPick}
    >
      {links > 1 && (
        <rect x={box.x + 5} y={box.y + 5} width={box.width} height={box.height} rx="8" class="map-behind" />
      )}
      <rect {...box} rx="8" />
      <g transform={`translate(${box.x + 12} ${box.y + 14})`}>
        <Dot tone={toneOf(status)} />
      </g>
      <text x={box.x + 30} y={box.y + 23} class="map-name">
        {fitted(title, box.width - 40, 7.8)}
      </text>
      <text x={box.x + 30} y={box.y + 41} class="map-small">
        {fitted(said, box.width - 36, 6.4)}
      </text>
    </a>
  )
}
