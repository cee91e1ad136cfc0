/**
 * Shared maps on the bus: MessagePack arrays, kind and name of the map first, columns instead of records. Who speaks is known from the
 * bus, so that an owner's claim is its life alone.
 */
import { Packr } from 'msgpackr'
import { bucketCount } from '../../routes/entry-hash.ts'
import type {
  Claim,
  MapDelta,
  MapDigests,
  MapHeartbeat,
  MapPiece,
  MapQuestion,
  MapStatement,
} from '../../routes/map-protocol.ts'
import type { Sender } from '../coordination.ts'

export type MapsMessage =
  /** To all, from a node that has come or is back: whoever owns a map answers with its heartbeat. */
  | { readonly type: 'hello' }
  /** The heartbeats of several maps of one owner. */
  | { readonly type: 'heartbeats'; readonly maps: readonly Named<MapHeartbeat>[] }
  | { readonly type: 'statement'; readonly name: string; readonly statement: Exclude<MapStatement, MapHeartbeat> }
  | { readonly type: 'question'; readonly name: string; readonly question: MapQuestion }

export type Named<T> = { readonly name: string; readonly statement: T }

/** UTF-16 units. */
export const nameLengthMax = 1_024
/** A life leaves room for higher ones. */
export const lifeMax = 2 ** 52

const packr = new Packr({ useRecords: false })

const KINDS = { hello: 0, heartbeats: 1, delta: 2, digests: 3, piece: 4, since: 5, pull: 6 } as const
const ANSWERS = ['none', 'more', 'last'] as const

export function encodeMapsMessage(message: MapsMessage): Uint8Array {
  return packr.pack(fieldsOf(message))
}

function fieldsOf(message: MapsMessage): readonly unknown[] {
  if (message.type === 'hello') return [KINDS.hello]
  if (message.type === 'heartbeats') return [KINDS.heartbeats, message.maps.map(heartbeatFields)]
  const { name } = message
  const it = message.type === 'statement' ? message.statement : message.question
  switch (it.type) {
    case 'delta':
      return [KINDS.delta, name, it.claim.life, it.from, ANSWERS.indexOf(it.answer), it.keys, it.values]
    case 'digests':
      return [KINDS.digests, name, it.claim.life, it.seq, it.buckets, it.hashes, it.sizes]
    case 'piece': {
      const { claim, seq, buckets, lengths, hashes, offset, isWhole, keys, values } = it
      return [KINDS.piece, name, claim.life, seq, buckets, lengths, hashes, offset, isWhole, keys, values]
    }
    case 'since': {
      const claim = it.claim === undefined ? null : [it.claim.life, it.claim.owner, it.claim.boot]
      return [KINDS.since, name, claim, it.seq, it.digests]
    }
    case 'pull':
      return [KINDS.pull, name, it.life, it.buckets, it.offset]
  }
}

function heartbeatFields({ name, statement }: Named<MapHeartbeat>): readonly unknown[] {
  const { claim, seq, digest } = statement
  return [name, claim.life, seq, digest.size, digest.lo, digest.hi]
}

/** `undefined` if it is malformed. */
export function decodeMapsMessage(from: Sender, payload: Uint8Array): MapsMessage | undefined {
  const fields = unpack(payload)
  if (fields === undefined) return undefined
  const [kind, name] = fields
  if (kind === KINDS.hello) return { type: 'hello' }
  if (kind === KINDS.heartbeats) return heartbeats(from, name)
  if (!isName(name)) return undefined
  if (kind === KINDS.since || kind === KINDS.pull) {
    const question = kind === KINDS.since ? since(fields) : pull(fields)
    return question === undefined ? undefined : { type: 'question', name, question }
  }
  const decode =
    kind === KINDS.delta ? delta : kind === KINDS.digests ? digests : kind === KINDS.piece ? piece : undefined
  const life = fields[2]
  if (decode === undefined || !isLife(life)) return undefined
  const statement = decode(claimOf(from, life), fields)
  return statement === undefined ? undefined : { type: 'statement', name, statement }
}

function unpack(payload: Uint8Array): readonly unknown[] | undefined {
  try {
    const message: unknown = packr.unpack(payload)
    return Array.isArray(message) ? message : undefined
  } catch {
    return undefined
  }
}

function claimOf({ node, boot }: Sender, life: number): Claim {
  return { life, owner: node, boot }
}

function heartbeats(from: Sender, rows: unknown): MapsMessage | undefined {
  if (!Array.isArray(rows)) return undefined
  const maps: Named<MapHeartbeat>[] = []
  for (const row of rows as readonly unknown[]) {
    if (!Array.isArray(row)) return undefined
    const [name, life, seq, size, lo, hi] = row as readonly unknown[]
    if (!isName(name) || !isLife(life) || !isCount(seq) || !isCount(size) || !isWord(lo) || !isWord(hi))
      return undefined
    const claim = claimOf(from, life)
    maps.push({ name, statement: { type: 'heartbeat', claim, seq, digest: { size, lo, hi } } })
  }
  return { type: 'heartbeats', maps }
}

function delta(claim: Claim, fields: readonly unknown[]): MapDelta | undefined {
  const [, , , from, answerCode, keys, values] = fields
  const answer = ANSWERS[Number(answerCode)]
  if (!isCount(from) || from === 0 || answer === undefined) return undefined
  if (!isListOf(keys, isText) || !isListOf(values, isValue) || keys.length !== values.length) return undefined
  return { type: 'delta', claim, from, answer, keys, values }
}

function digests(claim: Claim, fields: readonly unknown[]): MapDigests | undefined {
  const [, , , seq, buckets, hashes, sizes] = fields
  if (!isCount(seq) || !isListOf(buckets, isBucket) || !isListOf(hashes, isWord) || !isListOf(sizes, isCount))
    return undefined
  if (hashes.length !== 2 * buckets.length || sizes.length !== buckets.length) return undefined
  return { type: 'digests', claim, seq, buckets, hashes, sizes }
}

function piece(claim: Claim, fields: readonly unknown[]): MapPiece | undefined {
  const [, , , seq, buckets, lengths, hashes, offset, isWhole, keys, values] = fields
  if (!isCount(seq) || !isCount(offset) || typeof isWhole !== 'boolean') return undefined
  if (!isListOf(buckets, isBucket) || !isListOf(lengths, isCount) || !isListOf(hashes, isWord)) return undefined
  if (!isListOf(keys, isText) || !isListOf(values, isValue)) return undefined
  return { type: 'piece', claim, seq, buckets, lengths, hashes, offset, isWhole, keys, values }
}

function since(fields: readonly unknown[]): MapQuestion | undefined {
  const [, , claim, seq, digests] = fields
  if (!isCount(seq) || typeof digests !== 'boolean') return undefined
  if (claim === null) return { type: 'since', claim: undefined, seq, digests }
  if (!Array.isArray(claim)) return undefined
  const [life, owner, boot] = claim as readonly unknown[]
  if (!isLife(life) || !isText(owner) || !isText(boot)) return undefined
  return { type: 'since', claim: { life, owner, boot }, seq, digests }
}

function pull(fields: readonly unknown[]): MapQuestion | undefined {
  const [, , life, buckets, offset] = fields
  if (!isLife(life) || !isListOf(buckets, isBucket) || !isCount(offset)) return undefined
  return { type: 'pull', life, buckets, offset }
}

function isListOf<T>(list: unknown, is: (item: unknown) => item is T): list is readonly T[] {
  return Array.isArray(list) && list.every(is)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isName(value: unknown): value is string {
  return isText(value) && value.length > 0 && value.length <= nameLengthMax
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isLife(value: unknown): value is number {
  return isCount(value) && value <= lifeMax
}

function isBucket(value: unknown): value is number {
  return isCount(value) && value < bucketCount
}

function isWord(value: unknown): value is number {
  return typeof value === 'number' && (value | 0) === value
}

function isValue(value: unknown): value is number | null {
  return value === null || Number.isSafeInteger(value)
}
