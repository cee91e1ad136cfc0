/** How the nodes of the demo are, as they say themselves over their debug sockets. */
import { type Fields, isFields } from '../fields.ts'
import type { StageNode } from './cluster-stage.ts'

export type NodeState = {
  readonly name: string
  readonly cluster: string
  readonly mqttPort: number
  /** `killed`: its process is gone; `lost`: the others of its cluster have noticed it. */
  readonly state: 'starting' | 'up' | 'killed' | 'lost'
  /** The small number in its ClientIDs. */
  readonly slot: number | undefined
  /** Peers to which it speaks for its cluster. */
  readonly holds: readonly string[]
  /** Its link, in words. */
  readonly link: string
  /** Routes of the peer that it knows. */
  readonly routes: number | undefined
}

/** Asks each node; one that does not answer is known by what the others say. */
export async function lookAt(nodes: readonly StageNode[]): Promise<NodeState[]> {
  const answers = await Promise.all(nodes.map(askAll))
  return nodes.map((node, index) => {
    const near = answers.filter((_, other) => nodes[other]?.cluster === node.cluster)
    return stateOf(node, answers[index]!, near)
  })
}

type Answers = {
  readonly members: readonly Fields[]
  readonly leases: readonly Fields[]
  readonly links: readonly Fields[]
}

async function askAll(node: StageNode): Promise<Answers> {
  const rows = async (method: string, field: string): Promise<Fields[]> => {
    if (node.phase !== 'up') return []
    try {
      const value = (await node.ask(method))[field]
      return Array.isArray(value) ? value.filter(isFields) : []
    } catch {
      // It was killed while it was asked, or does not listen yet: the others know of it.
      return []
    }
  }
  const [members, leases, links] = await Promise.all([
    rows('members.list', 'members'),
    rows('leases.list', 'leases'),
    rows('links.list', 'links'),
  ])
  return { members, leases, links }
}

function stateOf({ name, cluster, mqttPort, phase }: StageNode, own: Answers, near: readonly Answers[]): NodeState {
  const isIt = (row: Fields): boolean => row['node'] === `${name}@127.0.0.1`
  const seen = near.flatMap(({ members }) => members.filter(isIt))
  const isMissed = seen.every((row) => row['state'] !== 'up')
  const slot = seen.map((row) => row['slot']).find((value) => typeof value === 'number')
  const [link] = own.links
  const routes = isFields(link?.['routes']) ? link['routes']['peers'] : undefined
  return {
    name,
    cluster,
    mqttPort,
    state: phase === 'gone' ? (isMissed ? 'lost' : 'killed') : phase,
    slot,
    holds: own.leases.filter((lease) => lease['state'] === 'holder').map((lease) => String(lease['name'])),
    link: link === undefined ? '-' : wordsOf(link),
    routes: typeof routes === 'number' ? routes : undefined,
  }
}

function wordsOf({ state, reasons }: Fields): string {
  return [String(state), ...(Array.isArray(reasons) ? reasons.map(String) : [])].join(', ')
}
