/** How a link is, on one node and over all of them: in our words, and in those of EMQX, for scripts that were written for it. */
import * as z from 'zod'
import type { Probe } from '../../link/probe/probe-view.ts'
import type { NodeAnswer } from '../member-calls.ts'

export type LinkState = 'running' | 'connecting' | 'bootstrapping' | 'degraded' | 'stopped' | 'failed'
export type EmqxState = 'connected' | 'connecting' | 'disconnected' | 'inconsistent'

const plane = z.object({ state: z.string(), reason: z.string().optional() })

export const planes = z.object({
  route_sync: plane.describe('whether the peer knows what we want'),
  forwarding: plane
    .extend({
      connections: z.number().int().describe('those that are wanted just now'),
      up: z.number().int().describe('those of them that are connected'),
    })
    .describe('whether messages can be sent to the peer'),
  inbound: plane.describe('what the peer does to us'),
})

export type Planes = z.infer<typeof planes>

/** What a node says of one of its links. */
export type LinkOnNode = {
  readonly status: LinkState
  readonly reasons: readonly string[]
  readonly planes: Planes
  /** What waits to cross waits on: somebody said so. */
  readonly paused: boolean
  readonly speaker?: string
  readonly peer?: { readonly node: string; readonly version: number }
  readonly peer_dialect?: string
  readonly probe?: Probe
}

export type NodeStatus = {
  readonly node: string
  readonly status: LinkState | 'inconsistent'
  readonly emqx_status: EmqxState
  readonly reasons: readonly string[]
  readonly reason?: string
  readonly planes?: Planes
  readonly paused?: boolean
  readonly probe?: Probe
  readonly error?: string
}

/** Left out by a node that the link has not come to yet. */
const lacking: LinkOnNode = {
  status: 'stopped',
  reasons: ['this node does not have the link yet'],
  planes: {
    route_sync: { state: 'stopped' },
    forwarding: { state: 'stopped', connections: 0, up: 0 },
    inbound: { state: 'absent' },
  },
  paused: false,
}

export function nodeStatus(answer: NodeAnswer<LinkOnNode | undefined>): NodeStatus {
  const { node } = answer
  if (answer.type === 'failed') {
    const reason = `does not answer: ${answer.reason}`
    const silent = { status: 'inconsistent', emqx_status: 'inconsistent' } as const
    return { node, ...silent, reasons: [reason], reason, error: answer.reason }
  }
  const { speaker: _, peer: _peer, peer_dialect: _dialect, ...link } = answer.result ?? lacking
  const reason = link.reasons.length === 0 ? {} : { reason: link.reasons.join('; ') }
  return { node, ...link, emqx_status: emqxState(link), ...reason }
}

/** EMQX knows whether the connections are up: what works, though not as it should, is connected there. */
function emqxState({ status, planes: { forwarding } }: LinkOnNode): EmqxState {
  switch (status) {
    case 'running':
      return 'connected'
    case 'degraded':
      return forwarding.up > 0 ? 'connected' : 'connecting'
    case 'connecting':
    case 'bootstrapping':
      return 'connecting'
    case 'stopped':
    case 'failed':
      return 'disconnected'
  }
}

export type MergedStatus = Pick<NodeStatus, 'status' | 'emqx_status' | 'reasons'>

/** @param nodes at least one */
export function mergedStatus(nodes: readonly NodeStatus[]): MergedStatus {
  const status = mergedState(nodes)
  const differing = status === 'inconsistent' ? differences(nodes) : []
  const reasons = [...differing, ...mergedReasons(nodes)]
  const [first = 'inconsistent', ...others] = [...new Set(nodes.map(({ emqx_status }) => emqx_status))]
  if (others.length === 0) return { status, emqx_status: first, reasons }
  // What one of them does for all is not over until it is.
  return {
    status,
    emqx_status: status === 'bootstrapping' || status === 'connecting' ? 'connecting' : 'inconsistent',
    reasons,
  }
}

/**
 * The worst of them where all of them work, and of the node that speaks to the peer for all, where the others only wait for it; else
 * nodes that differ, or don't answer, are nothing that one word could say.
 */
function mergedState(nodes: readonly NodeStatus[]): NodeStatus['status'] {
  const states = new Set(nodes.map(({ status }) => status))
  const [first = 'inconsistent'] = states
  if (states.size === 1) return first
  const isUsable = ({ status }: NodeStatus): boolean => status === 'running' || status === 'degraded'
  if (nodes.every(isUsable)) return 'degraded'
  const [speaker, ...others] = nodes.filter((node) => node.planes?.route_sync.state !== 'standby')
  const isOnlySpeaker = speaker !== undefined && others.length === 0
  if (!isOnlySpeaker || !nodes.every((node) => node === speaker || isUsable(node))) return 'inconsistent'
  const isOnItsWay = speaker.status === 'bootstrapping' || speaker.status === 'connecting'
  return isOnItsWay && speaker.planes?.forwarding.state !== 'down' ? speaker.status : 'inconsistent'
}

function differences(nodes: readonly NodeStatus[]): string[] {
  const on = new Map<string, string[]>()
  for (const { node, status, error } of nodes)
    if (error === undefined) on.set(status, [...(on.get(status) ?? []), node])
  if (on.size < 2) return []
  return [`the nodes differ: ${[...on].map(([status, where]) => `${status} on ${where.join(', ')}`).join('; ')}`]
}

/** What is so on all of several nodes is said once; else it is said where. */
function mergedReasons(nodes: readonly NodeStatus[]): string[] {
  const on = new Map<string, string[]>()
  for (const { node, reasons } of nodes) for (const reason of reasons) on.set(reason, [...(on.get(reason) ?? []), node])
  return [...on].map(([reason, where]) => (where.length === nodes.length ? reason : `${where.join(', ')}: ${reason}`))
}
