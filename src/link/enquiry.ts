/**
 * The question of somebody who examines a link: whether it may publish on a control topic, and what the far side knows of the link. It
 * changes nothing there. As a term it is a map without an operation, which an EMQX 5.10 passes over (6.2 ends the connection that it
 * came on); on the topic of messages it is no message, which it passes over, too. Our like answers, with what it knows.
 */
import * as z from 'zod'
import { decodeTerm, encodeTerm } from './emqx/etf.ts'
import { binary, TermMap } from './emqx/term.ts'

export type Enquiry = {
  /** Whether a message of this topic would cross is asked as well. */
  readonly topic?: string | undefined
}

/** Filters of a list that are told, and filters in it. */
const FILTERS_MAX = 100

const account = z.object({
  /** Name of the cluster that answers, and the node. */
  cluster: z.string(),
  node: z.string(),
  /** The link to who asked; `null` if there is none. */
  link: z
    .object({
      enable: z.boolean(),
      topics: z.array(z.string()).max(FILTERS_MAX),
      status: z.string(),
      reasons: z.array(z.string()).max(FILTERS_MAX),
      /** Who has paused forwarding. */
      paused_by: z.string().optional(),
      /** Messages that wait, and how much of the outbox's limits that is: 1 is full. */
      outbox: z.object({ messages: z.number(), fill: z.number() }),
      /** Of messages: those that it sent and that were acknowledged, and those of ours that it took, all by this node. */
      delivered: z.number(),
      accepted: z.number(),
      refused: z.number(),
      /** How many routes it has of us. */
      routes: z.number(),
    })
    .nullable(),
  topic: z
    .object({
      /** Whether the link's `topics` hold it. */
      in_topics: z.boolean(),
      /** Whether anybody there has subscribed to it. */
      subscribed: z.boolean(),
      /** Whether it has a route of ours that holds it. */
      routed: z.boolean(),
    })
    .optional(),
})

/** What the far side knows. */
export type Account = z.infer<typeof account>

const greetingKey = binary('isthmus-enquiry')
const question = z.object({ topic: z.string().optional() })
/** The tag of a map, behind the version of the format: what all enquiries begin with, and no message does. */
const MAP_TAG = 116
const ENQUIRY_BYTES_MAX = 70_000

export function encodeEnquiry(enquiry: Enquiry): Buffer {
  return encodeTerm(new TermMap([[greetingKey, binary(JSON.stringify(enquiry))]]))
}

/** `undefined` for what is none. Never throws. Cheap for anything else. */
export function decodeEnquiry(payload: Buffer): Enquiry | undefined {
  // Of one entry: what routes consist of has more.
  if (payload[1] !== MAP_TAG || payload[5] !== 1 || payload.length > ENQUIRY_BYTES_MAX) return undefined
  const decoded = decodeTerm(payload)
  const json = decoded.type === 'term' && decoded.term instanceof TermMap ? decoded.term.get(greetingKey) : undefined
  return Buffer.isBuffer(json) ? question.safeParse(parse(json.toString('utf8'))).data : undefined
}

export function encodeAccount(told: Account): Buffer {
  const { link } = told
  const short =
    link === null
      ? null
      : { ...link, topics: link.topics.slice(0, FILTERS_MAX), reasons: link.reasons.slice(0, FILTERS_MAX) }
  return Buffer.from(JSON.stringify({ ...told, link: short }))
}

/** `undefined` for what is none. Never throws. */
export function decodeAccount(payload: Buffer): Account | undefined {
  return account.safeParse(parse(payload.toString('utf8'))).data
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
