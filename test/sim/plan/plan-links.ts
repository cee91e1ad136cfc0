/** Links as operators configure them, and what they change of them later. */
import type { SeededRandom } from '../world/random.ts'
import type { LinkInput, PlannedCluster } from './plan.ts'
import { pickWeighted, type Weighted } from './weighted.ts'

/** What one side wants of the other. */
const topicLists: readonly Weighted<readonly string[]>[] = [
  [5, ['t/#', 'u/+']],
  [3, ['#']],
  [3, ['t/#']],
  [2, ['t/+/x', 'u/a']],
  [2, ['t/a', 'u/a']],
  [1, []],
]
const dialects: readonly Weighted<LinkInput['dialect']>[] = [
  [7, 'auto'],
  [3, 'emqx'],
]
const retaineds: readonly Weighted<LinkInput['retained']>[] = [
  [5, 'live'],
  [4, 'sync'],
  [1, 'off'],
]
const overflows: readonly Weighted<LinkInput['overflow']>[] = [
  [5, 'drop_oldest'],
  [3, 'drop_newest'],
  [3, 'backpressure'],
]
const poolSizes: readonly Weighted<number>[] = [
  [5, 1],
  [4, 2],
  [1, 4],
]
/** Of what waits for the peer; most have room for all there is. */
const bufferMessages: readonly Weighted<number | undefined>[] = [
  [7, undefined],
  [1, 5],
  [2, 50],
]
const waits: readonly Weighted<string | undefined>[] = [
  [8, undefined],
  [1, '5s'],
  [1, '1m'],
]

type Ends = { readonly cluster: string; readonly peer: string }

/** Without any rules everything is for everybody. */
export const CLOSED: PlannedCluster['config'] = {
  authorization: { sources: [{ type: 'file', rules: '{deny, all, all, ["nobody/#"]}.' }] },
}

export function planTopics(random: SeededRandom): string[] {
  return [...pickWeighted(random, topicLists)]
}

/** @param isClosed what only peers may do is for them alone: each is known by the beginning of its ClientIDs */
export function planLink({ cluster, peer }: Ends, isClosed: boolean, random: SeededRandom): LinkInput {
  const max_buffer_messages = pickWeighted(random, bufferMessages)
  const request_ttl = pickWeighted(random, waits)
  return {
    topics: planTopics(random),
    pool_size: pickWeighted(random, poolSizes),
    dialect: pickWeighted(random, dialects),
    durable: random.chance(0.35),
    retained: pickWeighted(random, retaineds),
    overflow: pickWeighted(random, overflows),
    resource_opts: {
      ...(max_buffer_messages === undefined ? {} : { max_buffer_messages }),
      ...(request_ttl === undefined ? {} : { request_ttl }),
    },
    ...(isClosed ? { clientid: `link-${cluster}`, accept: { clientid_prefix: `link-${peer}:` } } : {}),
    ...(random.chance(0.2) ? { compression: 'auto' as const } : {}),
  }
}

/** Something that an operator sets on a link that runs. */
export function planEdit(link: LinkInput, random: SeededRandom): Partial<LinkInput> {
  return pickWeighted<Partial<LinkInput>>(random, [
    [5, { topics: planTopics(random) }],
    [3, { enable: false }],
    [2, { pool_size: (link.pool_size ?? 1) === 1 ? 3 : 1 }],
    [1, { dialect: link.dialect === 'emqx' ? 'auto' : 'emqx' }],
    [1, { retained: pickWeighted(random, retaineds) }],
    [1, { durable: link.durable !== true }],
    [1, { overflow: pickWeighted(random, overflows), resource_opts: { max_buffer_messages: random.int(1, 100) } }],
  ])
}
