/**
 * What stands in the table `marks` for durable links: what was taken of each node of a peer. Each value begins with the CRC-32 of the rest.
 *
 *     name of the link, 0, name of the node -> JSON [[[epoch, lane, sequence] of each lane], [epoch, lane, sequence, taken] of a batch]
 *
 * The batch, if there is one, is being taken: so many of its messages are.
 */
import type { BatchUnderWay, KeptMarks } from '../../lanes/high-water-marks.ts'
import { checked, DamagedOutbox, encodeBatch } from './outbox-records.ts'

export function marksKey(link: string, node: string): Buffer {
  return Buffer.from(`${link}\0${node}`)
}

/** Throws `DamagedOutbox`. */
export function readMarksKey(key: Buffer): { readonly link: string; readonly node: string } {
  const text = key.toString()
  const at = text.indexOf('\0')
  if (at < 1) throw new DamagedOutbox(`marks ${key.toString('hex')}: its key names no node of a link`)
  return { link: text.slice(0, at), node: text.slice(at + 1) }
}

export function encodeMarks({ lanes, underWay }: KeptMarks): Buffer {
  const taken = lanes.map(({ epoch, lane, sequence }) => [epoch, lane, sequence])
  const batch = underWay === undefined ? [] : [underWay.epoch, underWay.lane, underWay.sequence, underWay.taken]
  return encodeBatch(Buffer.from(JSON.stringify([taken, batch])))
}

/** Throws `DamagedOutbox`. */
export function decodeMarks(key: Buffer, record: Buffer): KeptMarks {
  const json = checked('marks', key, record).toString()
  try {
    const parts: unknown = JSON.parse(json)
    const [lanes, batch]: readonly unknown[] = Array.isArray(parts) ? parts : []
    if (!Array.isArray(lanes)) throw new TypeError('no lanes')
    return { lanes: lanes.map((lane: unknown) => readLane(lane)), underWay: readUnderWay(batch) }
  } catch (cause) {
    throw new DamagedOutbox(`marks ${key.toString('hex')}: they can't be read`, { cause })
  }
}

function readLane(fields: unknown): KeptMarks['lanes'][number] {
  const [epoch = 0, lane = 0, sequence = 0] = readNumbers(fields, 3)
  return { epoch, lane, sequence, isSure: false }
}

function readUnderWay(fields: unknown): BatchUnderWay | undefined {
  if (Array.isArray(fields) && fields.length === 0) return undefined
  const [epoch = 0, lane = 0, sequence = 0, taken = 0] = readNumbers(fields, 4)
  return { epoch, lane, sequence, taken }
}

function readNumbers(fields: unknown, count: number): readonly number[] {
  const numbers: readonly unknown[] = Array.isArray(fields) ? fields : []
  const good = numbers.filter((one): one is number => typeof one === 'number' && Number.isSafeInteger(one) && one >= 0)
  if (good.length !== count || numbers.length !== count) throw new TypeError('no numbers')
  return good
}
