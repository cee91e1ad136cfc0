/** A link as an answer shows it: its settings the way a file writes them, and how it is. */
import * as z from 'zod'
import type { LinkConfig } from '../../config/config.ts'
import { linkSchema } from '../../config/link-schema.ts'
import { writtenLink } from '../../config/written-link.ts'
import type { NodeAnswer } from '../member-calls.ts'
import { type LinkOnNode, mergedStatus, nodeStatus, planes } from './node-status.ts'
import { probe } from './probes.ts'

const state = z
  .enum(['running', 'connecting', 'bootstrapping', 'degraded', 'stopped', 'failed', 'inconsistent'])
  .describe('inconsistent: the nodes differ, or one does not answer')
const emqxState = z.enum(['connected', 'connecting', 'disconnected', 'inconsistent']).describe("in EMQX's words")
const text = z.string()
const tls = z.looseObject({ enable: z.boolean(), verify: text })
const limits = z.looseObject({ request_ttl: text, max_buffer_bytes: text })

/** Bodies are held to the rules of the configuration elsewhere, which name the key that was meant: here they are only described. */
function described(schema: z.ZodType): z.ZodUnknown {
  const { $schema: _, ...words } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return z.unknown().meta(words)
}

export const linkBody = described(linkSchema)
export const linkListBody = described(z.union([z.array(linkSchema), linkSchema]))
export const namelessBody = described(linkSchema.partial({ name: true }))

export const linkShape = z.looseObject({
  name: text.describe("the peer's cluster name"),
  enable: z.boolean(),
  server: text,
  clientid: text,
  topics: z.array(text).describe('filters that we want of the peer'),
  pool_size: z.number().int(),
  retry_interval: text.describe('a duration: 15s'),
  max_inflight: z.number().int(),
  username: text.optional(),
  password: text.optional().describe('****** if there is one; sent back so, it stays as it is'),
  ssl: tls,
  tcp_opts: z.object({ nodelay: z.boolean(), keepalive: z.boolean() }),
  resource_opts: limits,
  actor_ttl: text,
  stale_ttl: text,
  accept: z.record(text, text.optional()).optional().describe('who may speak for the peer'),
  dialect: z.enum(['auto', 'emqx', 'native']),
  durable: z.boolean(),
  overflow: z.enum(['drop_oldest', 'drop_newest', 'backpressure']),
  retained: z.enum(['live', 'sync', 'off']),
  compression: z.enum(['off', 'auto']),
  status: state,
  reasons: z.array(text).describe('all that somebody would want to know'),
  emqx_status: emqxState,
  speaker: text.optional().describe('the node that tells the peer what all of the cluster want'),
  peer: z.object({ node: text, version: z.number().int() }).optional(),
  peer_dialect: text.optional().describe('what the peer speaks to us'),
  node_status: z.array(
    z.object({
      node: text,
      status: state,
      emqx_status: emqxState,
      reasons: z.array(text),
      reason: text.optional().describe('all reasons in one line'),
      planes: planes.optional(),
      paused: z.boolean().optional(),
      probe: probe.optional(),
      error: text.optional().describe('why the node said nothing'),
    }),
  ),
})

export type ShownLink = z.infer<typeof linkShape>

/** @param answers of all nodes about this link; `undefined` of one that does not have it */
export function shownLink(link: LinkConfig, answers: readonly NodeAnswer<LinkOnNode | undefined>[]): ShownLink {
  const nodes = answers.map((answer) => nodeStatus(answer))
  const known = answers.flatMap((answer) =>
    answer.type === 'ok' && answer.result !== undefined ? [answer.result] : [],
  )
  const speaker = known.find((one) => one.speaker !== undefined)?.speaker
  const peer = known.find((one) => one.peer !== undefined)?.peer
  const dialect = known.find((one) => one.peer_dialect !== undefined)?.peer_dialect
  const { status, reasons, emqx_status } = mergedStatus(nodes)
  return {
    ...writtenLink(link),
    status,
    reasons: [...reasons],
    emqx_status,
    ...(speaker === undefined ? {} : { speaker }),
    ...(peer === undefined ? {} : { peer: { node: peer.node, version: peer.version } }),
    ...(dialect === undefined ? {} : { peer_dialect: dialect }),
    node_status: nodes.map((node) => ({ ...node, reasons: [...node.reasons] })),
  }
}
