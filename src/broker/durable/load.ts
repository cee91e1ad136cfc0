/** Reads the store at a start. Nothing is passed over in silence: what can't be read is named, and the node does not start. */
import type { Publication, Publisher } from '../../packets/publication.ts'
import type { Will } from '../sessions/session.ts'
import type { StorePort, Table } from '../store-port.ts'
import type { SubscriptionOptions } from '../sessions/subscription.ts'
import { DamagedRecord } from './byte-reader.ts'
import { NEXT_SESSION_KEY } from './gathering.ts'
import {
  decodeBatch,
  decodeBatchProgress,
  decodeCount,
  decodeIdentifiers,
  decodeRetained,
  decodeSession,
  decodeSubscription,
  decodeWill,
  type DeliveryRecord,
  type Identifiers,
  readNumberKey,
  readProgressKey,
} from './records.ts'

export type LoadedSession = {
  readonly number: number
  readonly publisher: Publisher
  readonly expiryIntervalMs: number
  readonly leftAtMs: number | undefined
  readonly subscriptions: { readonly name: string; readonly options: SubscriptionOptions }[]
  will: Will | undefined
  identifiers: Identifiers
}

export type LoadedBatch = {
  readonly number: number
  /** By their slots; those that are done, or whose session is over, are left out. */
  readonly deliveries: readonly (DeliveryRecord | undefined)[]
}

export type Loaded = {
  readonly sessions: ReadonlyMap<number, LoadedSession>
  readonly batches: readonly LoadedBatch[]
  readonly retained: readonly Publication[]
  /** Numbers of the next session and batch. */
  readonly next: { readonly session: number; readonly batch: number }
}

/** So many damaged records are named one by one. */
const NAMED_MAX = 10

/** Records of the store that can't be read. */
export class DamagedRecords extends Error {
  override readonly name = 'DamagedRecords'
  readonly code = 'STORE_RECORDS_DAMAGED'
}

export function load(store: StorePort): Loaded {
  const damages: string[] = []
  const each = (table: Table, read: (key: Buffer, value: Buffer) => void): void => {
    for (const [key, value] of store.entries(table)) {
      try {
        read(key, value)
      } catch (error) {
        if (!(error instanceof DamagedRecord)) throw error
        damages.push(`${table} ${key.toString('hex')}: ${error.message}`)
      }
    }
  }
  const loaded = readTables(each)
  if (damages.length > 0) throw new DamagedRecords(describe(damages))
  return loaded
}

function describe(damages: readonly string[]): string {
  const named = damages.slice(0, NAMED_MAX).join('; ')
  const more = damages.length > NAMED_MAX ? `; and ${damages.length - NAMED_MAX} more` : ''
  return `${damages.length} damaged record${damages.length === 1 ? '' : 's'} in the store (${named}${more}). Nothing was changed. Put a copy of the store in its place that was made while the node was stopped, or move it away to start with no sessions, queued and retained messages.`
}

function readTables(each: (table: Table, read: (key: Buffer, value: Buffer) => void) => void): Loaded {
  let nextSession = 1
  each('meta', (key, value) => {
    if (key.equals(NEXT_SESSION_KEY)) nextSession = decodeCount(value)
  })
  const sessions = new Map<number, LoadedSession>()
  each('sessions', (key, value) => {
    const number = readNumberKey(key)
    const identifiers = { released: [], awaitingRel: [] }
    sessions.set(number, { number, ...decodeSession(value), subscriptions: [], will: undefined, identifiers })
    nextSession = Math.max(nextSession, number + 1)
  })
  each('subscriptions', (key, value) => {
    const subscription = decodeSubscription(value)
    sessions.get(readNumberKey(key.subarray(0, 6)))?.subscriptions.push(subscription)
  })
  each('wills', (key, value) => {
    const session = sessions.get(readNumberKey(key))
    if (session !== undefined) session.will = decodeWill(value)
  })
  const done = new Map<number, { readonly isDone: boolean; readonly wasSent: boolean }[]>()
  each('progress', (key, value) => {
    const { of, number } = readProgressKey(key)
    const session = of === 'session' ? sessions.get(number) : undefined
    if (of === 'batch') done.set(number, decodeBatchProgress(value))
    else if (session !== undefined) session.identifiers = decodeIdentifiers(value)
  })
  const batches: LoadedBatch[] = []
  each('messages', (key, value) => {
    const number = readNumberKey(key)
    const progress = done.get(number)
    const deliveries = decodeBatch(value).map((delivery, slot) => {
      if (progress?.[slot]?.isDone === true || !sessions.has(delivery.session)) return undefined
      return { ...delivery, wasSent: delivery.wasSent || progress?.[slot]?.wasSent === true }
    })
    batches.push({ number, deliveries })
  })
  const retained: Publication[] = []
  each('retained', (_key, value) => void retained.push(decodeRetained(value)))
  return { sessions, batches, retained, next: { session: nextSession, batch: (batches.at(-1)?.number ?? 0) + 1 } }
}
