/** Makes a bad input of a good one: what slips, breaks or is forged in bytes on their way. */
import type { Random } from './random.ts'

export type MutateOptions = {
  /** Tokens of the format: what a random byte would hardly ever hit. */
  readonly dictionary: readonly Buffer[]
  /** Other inputs, to take pieces from. */
  readonly others: readonly Buffer[]
  /** The result is cut off there. */
  readonly bytesMax: number
}

export function mutate(input: Buffer, random: Random, options: MutateOptions): Buffer {
  let bytes: Buffer = Buffer.from(input)
  for (let left = 1 + random.size(7); left > 0; left--) bytes = random.pick(mutations)(bytes, random, options)
  return bytes.subarray(0, options.bytesMax)
}

type Mutation = (bytes: Buffer, random: Random, options: MutateOptions) => Buffer

const flipBit: Mutation = (bytes, random) => {
  if (bytes.length === 0) return bytes
  const at = random.below(bytes.length)
  bytes[at]! ^= 1 << random.below(8)
  return bytes
}

const setByte: Mutation = (bytes, random) => {
  if (bytes.length > 0) bytes[random.below(bytes.length)] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)])
  return bytes
}

/** A number that may be a length becomes a forged one. */
const forgeLength: Mutation = (bytes, random) => {
  const width = random.pick([1, 2, 4] as const)
  if (bytes.length < width) return bytes
  const at = random.below(bytes.length - width + 1)
  const before = bytes.readUIntBE(at, width)
  const max = 256 ** width - 1
  const forged = random.pick([0, 1, before - 1, before + 1, bytes.length, bytes.length - at, max >> 1, max, 2 ** 20])
  bytes.writeUIntBE(Math.min(max, Math.max(0, forged)), at, width)
  return bytes
}

const cut: Mutation = (bytes, random) => {
  const from = random.below(bytes.length + 1)
  return replace(bytes, from, from + random.size(bytes.length - from), Buffer.alloc(0))
}

const truncate: Mutation = (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1))

const insertBytes: Mutation = (bytes, random) => insert(bytes, random, random.bytes(1 + random.size(16)))

const insertToken: Mutation = (bytes, random, { dictionary }) =>
  dictionary.length === 0 ? bytes : insert(bytes, random, random.pick(dictionary))

const overwriteWithToken: Mutation = (bytes, random, { dictionary }) => {
  if (dictionary.length === 0) return bytes
  const token = random.pick(dictionary)
  const from = random.below(bytes.length + 1)
  return replace(bytes, from, from + token.length, token)
}

const duplicate: Mutation = (bytes, random) => insert(bytes, random, piece(bytes, random))

/** One piece over and over: long lists, deep nesting, wide numbers. */
const repeat: Mutation = (bytes, random, { dictionary, bytesMax }) => {
  const unit = dictionary.length > 0 && random.chance(0.5) ? random.pick(dictionary) : piece(bytes, random)
  if (unit.length === 0) return bytes
  const times = random.size(Math.floor(bytesMax / unit.length))
  return insert(bytes, random, Buffer.alloc(times * unit.length, unit))
}

const splice: Mutation = (bytes, random, { others }) => {
  if (others.length === 0) return bytes
  const other = random.pick(others)
  return Buffer.concat([
    bytes.subarray(0, random.below(bytes.length + 1)),
    other.subarray(random.below(other.length + 1)),
  ])
}

const takePiece: Mutation = (bytes, random, { others }) =>
  others.length === 0 ? bytes : insert(bytes, random, piece(random.pick(others), random))

const swap: Mutation = (bytes, random) => {
  const from = random.below(bytes.length + 1)
  const to = from + random.below(bytes.length - from + 1)
  const moved = Buffer.from(bytes.subarray(from, to))
  return insert(replace(bytes, from, to, Buffer.alloc(0)), random, moved)
}

const mutations: readonly Mutation[] = [
  flipBit,
  setByte,
  forgeLength,
  cut,
  truncate,
  insertBytes,
  insertToken,
  insertToken,
  overwriteWithToken,
  duplicate,
  repeat,
  splice,
  takePiece,
  swap,
]

function piece(bytes: Buffer, random: Random): Buffer {
  const from = random.below(bytes.length + 1)
  return Buffer.from(bytes.subarray(from, from + 1 + random.size(bytes.length - from)))
}

function insert(bytes: Buffer, random: Random, what: Buffer): Buffer {
  const at = random.below(bytes.length + 1)
  return replace(bytes, at, at, what)
}

function replace(bytes: Buffer, from: number, to: number, what: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, from), what, bytes.subarray(Math.min(to, bytes.length))])
}
