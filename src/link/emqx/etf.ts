/**
 * The external term format of Erlang: `decodeTerm` reads what any peer may send, `encodeTerm` writes what EMQX reads back as
 * an equal term. Source: erlang.org, "External Term Format".
 */
import { deflateSync, inflateSync } from 'node:zlib'
import { Malformed, TermReader } from './term-reader.ts'
import type { DecodeLimits } from './term-reader.ts'
import { tags } from './term-tags.ts'
import { TermWriter } from './term-writer.ts'
import type { Term } from './term.ts'

export type { DecodeLimits } from './term-reader.ts'

export type DecodeResult =
  | { readonly type: 'term'; readonly term: Term }
  | { readonly type: 'malformed'; readonly reason: string }

/** Enough for any packet of the default size, and for a batch of 4,000 routes; read within a few milliseconds. */
const defaultLimits: DecodeLimits = {
  bytesMax: 1_048_576,
  elementsMax: 20_000,
  depthMax: 64,
  trailing: 'ignored',
}

/**
 * Decodes as `binary_to_term(Bytes, [safe])` does, but bounded, and without an atom table: an atom is only its text. Never
 * throws. Functions with an environment are refused. Binaries in the result are views of `bytes`, unless it was compressed.
 */
export function decodeTerm(bytes: Uint8Array, limits: Partial<DecodeLimits> = {}): DecodeResult {
  const bounds = { ...defaultLimits, ...limits }
  try {
    return { type: 'term', term: readWhole(asBuffer(bytes), bounds) }
  } catch (error) {
    if (error instanceof Malformed) return { type: 'malformed', reason: error.message }
    throw error
  }
}

export type EncodeOptions = {
  /** Compress (zlib) a term of at least this many bytes if that makes it smaller. Default: never. */
  readonly compressFromBytes?: number
}

export function encodeTerm(term: Term, { compressFromBytes = Infinity }: EncodeOptions = {}): Buffer {
  const writer = new TermWriter()
  writer.byte(version)
  writer.term(term)
  const plain = writer.finish()
  return plain.length < compressFromBytes ? plain : compress(plain)
}

const version = 131

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function readWhole(bytes: Buffer, limits: DecodeLimits): Term {
  if (bytes.length < 2) throw new Malformed('no term')
  if (bytes[0] !== version) throw new Malformed(`version ${bytes[0]}, not ${version}`)
  const body = bytes[1] === tags.compressed ? inflate(bytes.subarray(2), limits.bytesMax) : bytes.subarray(1)
  const reader = new TermReader(body, limits)
  const term = reader.term(0)
  if (limits.trailing === 'refused' && !reader.atEnd) throw new Malformed('bytes after the term')
  return term
}

function inflate(bytes: Buffer, bytesMax: number): Buffer {
  if (bytes.length < 4) throw new Malformed('cut off')
  const size = bytes.readUInt32BE(0)
  if (size === 0) throw new Malformed('compressed term without a size')
  if (size > bytesMax) throw new Malformed(`compressed term of ${size} bytes, more than ${bytesMax}`)
  const inflated = tryInflate(bytes.subarray(4), size)
  if (inflated.length !== size)
    throw new Malformed(`compressed term of ${inflated.length} bytes, not ${size} as it says`)
  return inflated
}

function tryInflate(bytes: Buffer, size: number): Buffer {
  try {
    // One byte more than the size, so that a stream which goes on is told from one that ends there.
    return inflateSync(bytes, { maxOutputLength: size + 1, chunkSize: Math.min(Math.max(size, 64), 65_536) })
  } catch (error) {
    throw new Malformed(`compressed term: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function compress(plain: Buffer): Buffer {
  const deflated = deflateSync(plain.subarray(1))
  if (deflated.length + 6 >= plain.length) return plain
  const head = Buffer.allocUnsafe(6)
  head[0] = version
  head[1] = tags.compressed
  head.writeUInt32BE(plain.length - 1, 2)
  return Buffer.concat([head, deflated])
}
