/**
 * How two of our kind know each other on a connection for routes: the greeting of every connection, and what the replication of
 * routes needs besides. It stands in `actor_init` and its ack.
 */
import * as z from 'zod'
import type { HashKey } from '../../topics/keyed-hash.ts'
import { answerTo, decodeAnswer, decodeGreeting, ourGreeting, type Answer, type Greeting } from './greeting.ts'

/** What each side says of its end of the replication. */
export type RouteTerms = {
  /** The longest route frame that the sender takes, bytes. */
  readonly frameBytesMax: number
  /** With which the digests are made. In a greeting: `undefined` as long as the source can do with any. */
  readonly hashKey: HashKey | undefined
}

export type RouteGreeting = Greeting & RouteTerms
export type RouteAnswer = Answer & RouteTerms

/** What is known of the other side: for people, and to tell how the nodes of a cluster differ. */
export type PeerSide = {
  readonly node: string
  /** Of the native dialect, as agreed. */
  readonly version: number
  /** Those of both sides. */
  readonly features: readonly string[]
  readonly frameBytesMax: number
}

/** A side that does not say how long a frame may be takes what any broker takes. */
const frameBytesDefault = 1_048_576
const frameBytesMin = 4_096

const word = z.int32()
const termsSchema = z.object({
  frameBytesMax: z.int().min(frameBytesMin).catch(frameBytesDefault),
  hashKey: z.tuple([word, word]).optional().catch(undefined),
})

export function encodeRouteGreeting(greeting: RouteGreeting | RouteAnswer): string {
  return JSON.stringify(greeting)
}

export function ourRouteGreeting(
  cluster: string,
  { node, boot }: { readonly node: string; readonly boot: string },
  terms: RouteTerms,
): RouteGreeting {
  return { ...ourGreeting(cluster, node, boot), ...terms }
}

/** `undefined` for what is none, and for one with which we have no version in common. Never throws. */
export function decodeRouteGreeting(json: string | undefined): RouteGreeting | undefined {
  const greeting = json === undefined ? undefined : decodeGreeting(json)
  return json === undefined || greeting === undefined ? undefined : { ...greeting, ...termsIn(json) }
}

/** `undefined` for what is none. Never throws. */
export function decodeRouteAnswer(json: string | undefined): RouteAnswer | undefined {
  const answer = json === undefined ? undefined : decodeAnswer(json)
  return json === undefined || answer === undefined ? undefined : { ...answer, ...termsIn(json) }
}

/** `undefined` if there is no version in common. */
export function routeAnswerTo(
  greeting: RouteGreeting,
  { node, boot }: { readonly node: string; readonly boot: string },
  terms: RouteTerms,
): RouteAnswer | undefined {
  const answer = answerTo(greeting, node, boot)
  return answer === undefined ? undefined : { ...answer, ...terms }
}

/** @param node that of the other side, which our own answer does not say */
export function peerSide(
  { version, features }: Answer,
  { node, frameBytesMax }: { readonly node: string } & RouteTerms,
): PeerSide {
  return { node, version, features, frameBytesMax }
}

/** Of a text that is known to be a greeting; what is strange in it is as if it were not there. */
function termsIn(json: string): RouteTerms {
  const { frameBytesMax, hashKey } = termsSchema.parse(JSON.parse(json))
  return { frameBytesMax, hashKey }
}
