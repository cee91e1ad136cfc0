/** What the demo of clusters shows, as lines of text. Pure. */
import { type Column, table } from '../inspect/table.ts'
import type { ClusterSummary, SubscriberSummary } from './cluster-account.ts'
import type { NodeState } from './cluster-state.ts'
import { RECEIVING, SENDING } from './stage.ts'

/** A node that was killed; times in milliseconds since the traffic began. */
export type Kill = {
  readonly node: string
  readonly atMs: number
  /** Peers to which it spoke for its cluster. */
  readonly held: readonly string[]
  /** When it served clients again. */
  readonly backAtMs?: number
}

export type ClusterSnapshot = {
  readonly elapsedMs: number
  readonly summary: ClusterSummary
  readonly nodes: readonly NodeState[]
  readonly kills: readonly Kill[]
}

type Row = NodeState & Pick<SubscriberSummary, 'arrived' | 'lost' | 'doubled'>

const columns: readonly Column<Row>[] = [
  { title: 'node', of: ({ name }) => name },
  { title: 'state', of: ({ state }) => state },
  { title: 'slot', of: ({ slot }) => (slot === undefined ? '-' : String(slot)), align: 'right' },
  { title: 'speaks to', of: ({ holds }) => holds.join(', ') || '-' },
  { title: 'routes', of: ({ routes }) => (routes === undefined ? '-' : String(routes)), align: 'right' },
  { title: 'arrived', of: ({ arrived }) => count(arrived), align: 'right' },
  { title: 'missing', of: ({ lost }) => count(lost), align: 'right' },
  { title: 'doubled', of: ({ doubled }) => count(doubled), align: 'right' },
  { title: 'link', of: ({ link }) => link },
]

/** What can be seen, and how a stranger takes part, with any MQTT client. */
export function clusterInvitation(nodes: readonly { readonly name: string; readonly mqttPort: number }[]): string[] {
  const port = (name: string): number => nodes.find((node) => node.name === name)?.mqttPort ?? 0
  return [
    ...nodes.map(({ name, mqttPort }) => `${name}  127.0.0.1:${mqttPort}`),
    '',
    `Devices publish in ${SENDING} at QoS 1; one whose node is gone goes to the next. A subscriber with a kept session reads`,
    `everything at each node. Missing is what was acknowledged and has not arrived: it may not last. Over the link one thing`,
    `can be lost, and is counted apart: what a node that is killed has acknowledged and not sent yet, as outboxes are in memory.`,
    `Nodes fail one at a time: the next one is killed when the last one has caught up.`,
    '',
    'Take part from another terminal:',
    `  mosquitto_sub -p ${port(`${RECEIVING}-1`)} -V 5 -q 1 -v -t 'devices/#'`,
    `  mosquitto_pub -p ${port(`${SENDING}-2`)} -V 5 -q 1 -t devices/hello -m hi`,
  ]
}

/** One block for a terminal, redrawn in place. */
export function clusterScreen({ elapsedMs, summary, nodes, kills }: ClusterSnapshot): string[] {
  const rows = nodes.flatMap((node) => {
    const subscriber = summary.subscribers.find((one) => one.node === node.name)
    return subscriber === undefined ? [] : [{ ...node, ...subscriber }]
  })
  return [
    ...table(columns, rows),
    '',
    `published  ${count(summary.published)} messages in ${SENDING}, acknowledged; ${count(rows.length)} subscribers want each of them`,
    `missing    ${count(summary.lost)} now`,
    `killed     ${lastKill(elapsedMs, kills)}`,
  ]
}

/** One line for a log file. */
export function clusterLine({ elapsedMs, summary, nodes }: ClusterSnapshot): string {
  const { published, arrived, lost, doubled } = summary
  const up = nodes.filter(({ state }) => state === 'up').length
  const holders = nodes.flatMap(({ name, holds }) => holds.map((peer) => `${name} speaks to ${peer}`))
  return [
    `${seconds(elapsedMs)} s: ${up} of ${nodes.length} nodes`,
    ...holders,
    `published ${published}`,
    `arrived ${arrived}`,
    `missing ${lost}`,
    `doubled ${doubled}`,
  ].join(', ')
}

export function killLine({ node, atMs, held }: Kill): string {
  return `${seconds(atMs)} s: killed ${node}${heldText(held)}`
}

export function clusterVerdict(summary: ClusterSummary, kills: readonly Kill[]): string[] {
  const { published, arrived, lost, doubled, subscribers } = summary
  return [
    '',
    `${kills.length} nodes killed: ${kills.map(({ node }) => node).join(', ') || 'none'}`,
    `${published} published and acknowledged, for ${subscribers.length} subscribers each: ${arrived} arrived, ${lost} lost, ${doubled} doubled`,
  ]
}

function lastKill(elapsedMs: number, kills: readonly Kill[]): string {
  const last = kills.at(-1)
  if (last === undefined) return 'none yet'
  const { node, atMs, held, backAtMs } = last
  const back = backAtMs === undefined ? 'not back yet' : `back after ${seconds(backAtMs - atMs)} s`
  return `${count(kills.length)} times; last ${node}${heldText(held)}, ${seconds(elapsedMs - atMs)} s ago, ${back}`
}

const heldText = (held: readonly string[]): string => (held.length === 0 ? '' : `, which spoke to ${held.join(', ')}`)
const seconds = (ms: number): string => String(Math.round(ms / 1000))
const count = (value: number): string => value.toLocaleString('en-US')
