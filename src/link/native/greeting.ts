/**
 * How two of our kind know each other: versions and features that both have. It goes with the CONNECT of a connection that carries
 * messages and its CONNACK (User Property `isthmus-link`), and with `actor_init` and its ack. JSON, so that whoever watches the wire
 * can read it; what an older or a newer version does not know in it is ignored.
 */
import * as z from 'zod'

/** Versions of the native dialect that this program speaks. */
export const versionMin = 1
export const versionMax = 1

/** What one side may do only if the other one knows it. */
export type Feature =
  /** Batches may be compressed. */
  | 'deflate'
  /** Batches may leave out what those before them said (`short-frame.ts`). */
  | 'short'
  /** Probes among the messages, and their answers (`probe-frame.ts`). */
  | 'probe'
/** All that this program knows. */
export const features: readonly Feature[] = ['deflate', 'short', 'probe']

export type Greeting = {
  /** Lowest and highest version of the native dialect. */
  readonly versions: readonly [lowest: number, highest: number]
  readonly features: readonly string[]
  /** The cluster that speaks. */
  readonly cluster: string
  /** The node of it that speaks. */
  readonly node: string
  /** The process of that node, 16 hexadecimal digits. */
  readonly boot: string
  /** Before batches: of no batch of this epoch is it possible that anybody has taken it. */
  readonly unusedEpoch?: number | undefined
}

export type Answer = {
  readonly version: number
  /** Those of both sides. */
  readonly features: readonly string[]
  readonly node: string
  readonly boot: string
}

const text = z.string().max(1_024)
const version = z.int().min(1).max(1_000_000)
const names = z.array(z.string().max(64)).max(64)
const greetingSchema = z.object({
  versions: z.tuple([version, version]),
  features: names,
  cluster: text,
  node: text,
  boot: text,
  unusedEpoch: z.int().min(0).optional(),
})
const answerSchema = z.object({ version, features: names, node: text, boot: text })

/** Longer than any greeting; a longer text is none. */
const charactersMax = 8_192

export function ourGreeting(cluster: string, node: string, boot: string): Greeting {
  return { versions: [versionMin, versionMax], features, cluster, node, boot }
}

export function encodeGreeting(greeting: Greeting | Answer): string {
  return JSON.stringify(greeting)
}

/** `undefined` for what is none. Never throws. */
export function decodeGreeting(json: string): Greeting | undefined {
  return greetingSchema.safeParse(parse(json)).data
}

/** `undefined` for what is none. Never throws. */
export function decodeAnswer(json: string): Answer | undefined {
  return answerSchema.safeParse(parse(json)).data
}

/** The highest version that both have, and the features of both; `undefined` if there is no such version. */
export function answerTo({ versions: [lowest, highest], features: theirs }: Greeting, node: string, boot: string) {
  const agreed = Math.min(highest, versionMax)
  if (agreed < lowest || agreed < versionMin) return undefined
  return { version: agreed, features: features.filter((name) => theirs.includes(name)), node, boot } satisfies Answer
}

/** Why a peer that greets us is not answered, though it may: for people. */
export function noVersionInCommon({ versions: [lowest, highest] }: Greeting): string {
  return `it speaks ${versionWords(lowest, highest)} of the native dialect, and we ${versionWords(versionMin, versionMax)}`
}

/** Why what the peer answered to our greeting (`agreedAnswer`) is of no use to us: for people. */
export function answerOfNoUse(json: string): string {
  const answer = decodeAnswer(json)
  if (answer === undefined) return 'what it answered to our greeting can not be read'
  return `it answered with version ${answer.version} of the native dialect, and we speak ${versionWords(versionMin, versionMax)}`
}

function versionWords(lowest: number, highest: number): string {
  return lowest === highest ? `version ${lowest}` : `versions ${lowest} to ${highest}`
}

/** What the peer answered to our greeting, if it is an answer and to a version that we speak. Never throws. */
export function agreedAnswer(json: string | undefined): Answer | undefined {
  const answer = json === undefined ? undefined : decodeAnswer(json)
  return answer !== undefined && answer.version >= versionMin && answer.version <= versionMax ? answer : undefined
}

function parse(json: string): unknown {
  if (json.length > charactersMax) return undefined
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
