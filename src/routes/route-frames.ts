/**
 * How routes are told on a native link (DESIGN section 6): the byte 0xC1, which starts neither an Erlang term nor a MessagePack value,
 * then one MessagePack array, kind and life first.
 *
 *     source -> sink   heartbeat [16, life, seq, size, hash]
 *                      delta     [17, life, from, answer, keys, values]
 *                      digests   [18, life, seq, buckets]         each: bucket, hash, size
 *                      piece     [19, life, seq, offset, isWhole, buckets, keys, values]    each bucket: bucket, hash, entries of it
 *                      goodbye   [23, life, reason]
 *     sink -> source   since     [20, life or 0, seq, digests]
 *                      pull      [21, life, offset, buckets]
 *                      confirm   [22, life, seq, size]
 *
 * `life` is the incarnation under which the peer's cluster speaks. `life`, `seq`, `from`, `size` and `offset` are uint64. `hash`,
 * `buckets` and `values` are binary: hashes two words of 32 bits, everything else in there variable byte integers.
 */
import { PackReader } from '../packets/pack-reader.ts'
import { PackWriter } from '../packets/pack-writer.ts'
import { bucketCount } from './entry-hash.ts'
import type { MapOps } from './journal.ts'
import type {
  Claim,
  MapDelta,
  MapDigests,
  MapHeartbeat,
  MapPiece,
  MapPull,
  MapQuestion,
  MapSince,
  MapStatement,
} from './map-protocol.ts'

/** From the sink, when its copy has come to be in sync, and as the answer to each heartbeat while it is. */
export type RouteConfirm = {
  readonly type: 'confirm'
  readonly claim: Claim
  readonly seq: number
  /** Routes. */
  readonly size: number
}

export type GoodbyeReason = 'disabled' | 'deleted'

/** From the source, last of all: the link is disabled or deleted, and nothing is wanted any more. */
export type RouteGoodbye = { readonly type: 'goodbye'; readonly claim: Claim; readonly reason: GoodbyeReason }

/** What a source says. */
export type RouteStatement = MapStatement | RouteGoodbye
/** What a sink says. */
export type RouteReply = MapQuestion | RouteConfirm
export type RouteFrame = RouteStatement | RouteReply

/** `reason` is for the log. */
export type MalformedFrame = { readonly type: 'malformed'; readonly reason: string }

/** More than any frame of ours has: what a receiver takes in one turn of its event loop. */
export const frameEntriesMax = 8_192

export const frameStart = 0xc1
const kinds = {
  heartbeat: 16,
  delta: 17,
  digests: 18,
  piece: 19,
  since: 20,
  pull: 21,
  confirm: 22,
  goodbye: 23,
} as const
const fieldCounts = { heartbeat: 5, delta: 6, digests: 4, piece: 8, since: 4, pull: 4, confirm: 4, goodbye: 3 } as const
const answers: readonly MapDelta['answer'][] = ['none', 'more', 'last']
const reasons: readonly GoodbyeReason[] = ['disabled', 'deleted']

/** On a link a cluster speaks as one: an incarnation is of one of its nodes, whichever that is. */
export function linkClaim(cluster: string, incarnation: number): Claim {
  return { life: incarnation, owner: cluster, boot: '' }
}

/** Whether this is the beginning of a frame of this file; it may be malformed all the same. */
export function isRouteFrame(frame: Uint8Array): boolean {
  const kind = frame[2] ?? 0
  return frame[0] === frameStart && kind >= kinds.heartbeat && kind <= kinds.goodbye
}

const writer = new PackWriter(4_096)
const column = new PackWriter(4_096)

export function encodeRouteFrame(frame: RouteFrame): Buffer {
  writer.clear()
  writer.byte(frameStart)
  writer.array(fieldCounts[frame.type])
  writer.byte(kinds[frame.type])
  writer.uint64('claim' in frame ? (frame.claim?.life ?? 0) : frame.life)
  writeFields(frame)
  return Buffer.from(writer.buffer.subarray(0, writer.end))
}

function writeFields(frame: RouteFrame): void {
  switch (frame.type) {
    case 'heartbeat':
      writer.uint64(frame.seq)
      writer.uint64(frame.digest.size)
      return writeHash(frame.digest.lo, frame.digest.hi)
    case 'delta':
      writer.uint64(frame.from)
      writer.byte(answers.indexOf(frame.answer))
      return writeEntries(frame)
    case 'digests':
      writer.uint64(frame.seq)
      return writeBuckets(frame, frame.sizes)
    case 'piece':
      writer.uint64(frame.seq)
      writer.uint64(frame.offset)
      writer.boolean(frame.isWhole)
      writeBuckets(frame, frame.lengths)
      return writeEntries(frame)
    case 'since':
      writer.uint64(frame.seq)
      return writer.boolean(frame.digests)
    case 'pull':
      writer.uint64(frame.offset)
      column.clear()
      for (const bucket of frame.buckets) column.varint(bucket)
      return writer.binary(column)
    case 'confirm':
      writer.uint64(frame.seq)
      return writer.uint64(frame.size)
    case 'goodbye':
      return writer.byte(reasons.indexOf(frame.reason))
  }
}

function writeHash(lo: number, hi: number): void {
  column.clear()
  column.word(lo)
  column.word(hi)
  writer.binary(column)
}

function writeBuckets(of: Pick<MapDigests, 'buckets' | 'hashes'>, counts: readonly number[]): void {
  column.clear()
  for (const [index, bucket] of of.buckets.entries()) {
    column.varint(bucket)
    column.word(of.hashes[2 * index]!)
    column.word(of.hashes[2 * index + 1]!)
    column.varint(counts[index]!)
  }
  writer.binary(column)
}

function writeEntries({ keys, values }: MapOps): void {
  writer.array(keys.length)
  for (const key of keys) writer.text(key)
  column.clear()
  // 0: it is gone; then every integer up to 2^52, the sign in the last bit.
  for (const value of values) column.varint(value === null ? 0 : value >= 0 ? 2 * value + 1 : -2 * value)
  writer.binary(column)
}

const reader = new PackReader()
const malformed = (reason: string): MalformedFrame => ({ type: 'malformed', reason })

/**
 * Believes nothing and never throws.
 * @param cluster whose routes it is about: the source's
 */
export function decodeRouteFrame(frame: Buffer, cluster: string): RouteFrame | MalformedFrame {
  if (!isRouteFrame(frame)) return malformed('no frame of routes')
  reader.show(frame, 1, frame.length)
  const count = reader.byte() - 0x90
  const kind = reader.byte()
  const claim = linkClaim(cluster, reader.uint64())
  const type = (Object.keys(kinds) as (keyof typeof kinds)[]).find((name) => kinds[name] === kind)
  if (type === undefined || count !== fieldCounts[type]) return malformed(`kind ${kind} of ${count} fields`)
  if (claim.life === 0 && type !== 'since') return malformed(`${type} of nobody`)
  const found = readFields(type, claim)
  if (found === undefined || reader.isBroken) return malformed(`${type} with a field out of range`)
  return reader.at === frame.length ? found : malformed(`${type} with something after it`)
}

/** `undefined`, or anything at all once the reader is broken. */
function readFields(type: RouteFrame['type'], claim: Claim): RouteFrame | undefined {
  switch (type) {
    case 'heartbeat':
      return readHeartbeat(claim)
    case 'delta':
      return readDelta(claim)
    case 'digests':
      return readDigests(claim)
    case 'piece':
      return readPiece(claim)
    case 'since':
      return readSince(claim)
    case 'pull':
      return readPull(claim)
    case 'confirm':
      return { type, claim, seq: reader.uint64(), size: reader.uint64() }
    case 'goodbye': {
      const reason = reasons[reader.byte()]
      return reason === undefined ? undefined : { type, claim, reason }
    }
  }
}

function readHeartbeat(claim: Claim): MapHeartbeat | undefined {
  const seq = reader.uint64()
  const size = reader.uint64()
  if (reader.binary() !== 8) return undefined
  reader.at -= 8
  return { type: 'heartbeat', claim, seq, digest: { size, lo: reader.word(), hi: reader.word() } }
}

function readDelta(claim: Claim): MapDelta | undefined {
  const from = reader.uint64()
  const answer = answers[reader.byte()]
  const entries = readEntries()
  if (from === 0 || answer === undefined || entries === undefined) return undefined
  return { type: 'delta', claim, from, answer, ...entries }
}

function readDigests(claim: Claim): MapDigests | undefined {
  const seq = reader.uint64()
  const columns = readBuckets()
  if (columns === undefined) return undefined
  const { buckets, hashes, counts } = columns
  return { type: 'digests', claim, seq, buckets, hashes, sizes: counts }
}

function readPiece(claim: Claim): MapPiece | undefined {
  const seq = reader.uint64()
  const offset = reader.uint64()
  const isWhole = reader.boolean()
  const columns = readBuckets()
  const entries = readEntries()
  if (columns === undefined || entries === undefined) return undefined
  const { buckets, hashes, counts } = columns
  return { type: 'piece', claim, seq, offset, isWhole, buckets, hashes, lengths: counts, ...entries }
}

function readSince(claim: Claim): MapSince {
  const seq = reader.uint64()
  return { type: 'since', claim: claim.life === 0 ? undefined : claim, seq, digests: reader.boolean() }
}

function readPull({ life }: Claim): MapPull | undefined {
  const offset = reader.uint64()
  const end = enterBinary()
  const buckets: number[] = []
  while (reader.at < end && buckets.length < bucketCount) buckets.push(reader.varint())
  if (reader.at !== end || !buckets.every(isBucket)) return undefined
  return { type: 'pull', life, offset, buckets }
}

/** Goes back to where the binary data begins, and returns where it ends. */
function enterBinary(): number {
  const bytes = reader.binary()
  const end = reader.at
  reader.at = end - bytes
  return end
}

function readBuckets() {
  const end = enterBinary()
  const buckets: number[] = []
  const hashes: number[] = []
  const counts: number[] = []
  while (reader.at < end && buckets.length < bucketCount) {
    buckets.push(reader.varint())
    hashes.push(reader.word(), reader.word())
    counts.push(reader.varint())
  }
  return reader.at === end && buckets.every(isBucket) ? { buckets, hashes, counts } : undefined
}

function readEntries(): MapOps | undefined {
  const count = reader.array(1)
  if (count > frameEntriesMax) return undefined
  const keys: string[] = []
  while (keys.length < count && !reader.isBroken) keys.push(reader.text())
  const end = enterBinary()
  const values: (number | null)[] = []
  while (reader.at < end && values.length < count) values.push(valueOf(reader.varint()))
  return reader.at === end && values.length === count ? { keys, values } : undefined
}

function valueOf(written: number): number | null {
  if (written === 0) return null
  return written % 2 === 1 ? (written - 1) / 2 : -written / 2
}

function isBucket(value: number): boolean {
  return value < bucketCount
}
