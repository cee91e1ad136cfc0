/**
 * What stands in the table `routes` for durable links: what actors of peers want. Each value begins with the CRC-32 of the rest.
 *
 *     name of the link, 0, number of the actor (2 bytes), bucket (2 bytes)  -> MessagePack: filters, or [filter, id] where they differ
 *     name of the link, 0, number of the actor (2 bytes), 65535             -> the actor's name
 *
 * Buckets are those of `MapContent` under the plain hash key: a change of a route is written with its neighbours, and a million routes
 * take a few thousand records.
 */
import { Packr } from 'msgpackr'
import type { RoutePair } from '../../routes/actor-routes.ts'
import { checked, DamagedOutbox, encodeBatch } from './outbox-records.ts'

/** In the place of a bucket: the name of the actor. */
export const nameAt = 0xffff

const NUMBERS_BYTES = 4

const packr = new Packr({ useRecords: false })

export type RouteRecordKey = { readonly link: string; readonly actor: number; readonly bucket: number }

export function routesKey({ link, actor, bucket }: RouteRecordKey): Buffer {
  const name = Buffer.byteLength(link)
  const key = Buffer.alloc(name + 1 + NUMBERS_BYTES)
  key.write(link)
  key.writeUInt16BE(actor, name + 1)
  key.writeUInt16BE(bucket, name + 3)
  return key
}

/** Throws `DamagedOutbox`. */
export function readRoutesKey(key: Buffer): RouteRecordKey {
  const nameBytes = key.length - 1 - NUMBERS_BYTES
  if (nameBytes < 1 || key[nameBytes] !== 0)
    throw new DamagedOutbox(`routes ${key.toString('hex')}: its key names no routes`)
  return {
    link: key.toString('utf8', 0, nameBytes),
    actor: key.readUInt16BE(nameBytes + 1),
    bucket: key.readUInt16BE(nameBytes + 3),
  }
}

export function encodeRoutes(pairs: readonly RoutePair[]): Buffer {
  return encodeBatch(packr.pack(pairs.map(([topicFilter, id]) => (id === topicFilter ? id : [topicFilter, id]))))
}

/** What a record of routes holds, not read yet. Throws `DamagedOutbox`. */
export function checkedRoutes(key: Buffer, record: Buffer): Buffer {
  return checked('routes', key, record)
}

/** Throws `DamagedOutbox`. @param value as `checkedRoutes` gives it */
export function decodeRoutes(value: Buffer): RoutePair[] {
  const routes: unknown = packr.unpack(value)
  if (!Array.isArray(routes)) throw new DamagedOutbox('routes: a record holds something else than routes')
  return routes.map((route: unknown): RoutePair => {
    if (typeof route === 'string') return [route, route]
    const [topicFilter, id]: readonly unknown[] = Array.isArray(route) ? route : []
    if (typeof topicFilter === 'string' && typeof id === 'string') return [topicFilter, id]
    throw new DamagedOutbox('routes: a record holds something else than routes')
  })
}
