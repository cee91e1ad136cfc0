/**
 * What stands in the store for durable links. Each value begins with the CRC-32 of the rest.
 *
 *     outbox   name of the link, 0, number of the batch (8 bytes) -> its link frame
 *     ledgers  `in` or `out`, 0, name of the link                 -> its counts, as JSON
 *
 * Keys of one link lie together, its batches in the order in which they are to cross.
 */
import { crc32 } from 'node:zlib'
import type { KeptBatch } from '../../lanes/outbox/outbox-batch.ts'

const CHECKSUM_BYTES = 4
const ID_BYTES = 8

export type LedgerSide = 'in' | 'out'

/** A record of the store that is not as it was written. */
export class DamagedOutbox extends Error {
  override readonly name = 'DamagedOutbox'
  readonly code = 'OUTBOX_DAMAGED'
}

export function batchKey(link: string, id: number): Buffer {
  const name = Buffer.byteLength(link)
  const key = Buffer.alloc(name + 1 + ID_BYTES)
  key.write(link)
  key.writeBigUInt64BE(BigInt(id), name + 1)
  return key
}

/** Whose batch it is, and its number. Throws `DamagedOutbox`. */
export function readBatchKey(key: Buffer): { readonly link: string; readonly id: number } {
  const nameBytes = key.length - 1 - ID_BYTES
  if (nameBytes < 1 || key[nameBytes] !== 0)
    throw new DamagedOutbox(`outbox ${key.toString('hex')}: its key names no batch`)
  const id = Number(key.readBigUInt64BE(nameBytes + 1))
  if (!Number.isSafeInteger(id)) throw new DamagedOutbox(`outbox ${key.toString('hex')}: its number is too large`)
  return { link: key.toString('utf8', 0, nameBytes), id }
}

/** In memory of its own: the frame may change while the record is on its way to the disk. */
export function encodeBatch(frame: Buffer): Buffer {
  const record = Buffer.allocUnsafe(CHECKSUM_BYTES + frame.length)
  record.writeUInt32BE(crc32(frame))
  frame.copy(record, CHECKSUM_BYTES)
  return record
}

/** Throws `DamagedOutbox`. The frame is a slice of the record. */
export function decodeBatch(key: Buffer, record: Buffer): KeptBatch & { readonly link: string } {
  return { ...readBatchKey(key), frame: checked('outbox', key, record) }
}

export function ledgerKey(side: LedgerSide, link: string): Buffer {
  return Buffer.from(`${side}\0${link}`)
}

/** Of both sides. Throws `DamagedOutbox`. */
export function readLedgerKey(key: Buffer): { readonly side: LedgerSide; readonly link: string } {
  const [side, link] = key.toString().split('\0')
  if ((side !== 'in' && side !== 'out') || link === undefined)
    throw new DamagedOutbox(`ledgers ${key.toString('hex')}: its key names no link`)
  return { side, link }
}

/** Counts as a ledger tells them: numbers, and numbers by their reasons. */
export type LedgerCounts = { readonly [name: string]: number | { readonly [reason: string]: number | undefined } }

export function encodeLedger(json: string): Buffer {
  return encodeBatch(Buffer.from(json))
}

/** Throws `DamagedOutbox`. */
export function decodeLedger(key: Buffer, record: Buffer): LedgerCounts {
  const text = checked('ledgers', key, record).toString()
  try {
    const counts: unknown = JSON.parse(text)
    if (isCounts(counts, 1)) return counts
  } catch (cause) {
    throw new DamagedOutbox(`ledgers ${key.toString('hex')}: it is no JSON`, { cause })
  }
  throw new DamagedOutbox(`ledgers ${key.toString('hex')}: it holds something else than counts`)
}

function isCounts(value: unknown, depthMax: number): value is LedgerCounts {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).every((count: unknown) =>
    typeof count === 'number'
      ? Number.isSafeInteger(count) && count >= 0
      : depthMax > 0 && isCounts(count, depthMax - 1),
  )
}

/** The record without its checksum. Throws `DamagedOutbox`. */
export function checked(table: string, key: Buffer, record: Buffer): Buffer {
  const value = record.subarray(CHECKSUM_BYTES)
  if (record.length < CHECKSUM_BYTES || crc32(value) !== record.readUInt32BE())
    throw new DamagedOutbox(`${table} ${key.toString('hex')}: its checksum is wrong`)
  return value
}
