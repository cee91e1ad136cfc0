/** Looks at messages of an outbox, without taking any. Payloads stay unseen. */
import { LINK_TABLES_AT } from '../batches/link-frame.ts'
import { readBatch } from '../batches/read-batch.ts'
import type { QoS } from '../../packets/message.ts'
import type { BatchList } from './batch-list.ts'

export type PeekedMessage = {
  readonly topic: string
  readonly qos: QoS
  readonly retain: boolean
  /** Of its PUBLISH packet. */
  readonly bytes: number
  /** When its publisher sent it, milliseconds since 1970. */
  readonly cameAtMs: number
  /** 0 is live, 1 the backlog. */
  readonly lane: 0 | 1
  readonly state: 'flying' | 'waiting'
}

/** The first so many messages of these lists, in order. No more batches are read than needed. */
export function peekBatches(lists: readonly BatchList[], limit: number): PeekedMessage[] {
  const found: PeekedMessage[] = []
  for (const list of lists)
    for (let batch = list.first; batch !== undefined && found.length < limit; batch = batch.next) {
      const read = readBatch(batch.frame, LINK_TABLES_AT)
      if (read.type === 'malformed') continue
      const { lane, place } = batch
      for (const publication of read.publications) {
        if (found.length === limit) break
        const { topic, buffer, start } = publication
        const firstByte = buffer[start]!
        const state = place === 'flying' ? 'flying' : 'waiting'
        found.push({
          topic,
          qos: qosOf(firstByte),
          retain: (firstByte & 1) === 1,
          bytes: publication.byteLength,
          cameAtMs: publication.receivedAtMs,
          lane,
          state,
        })
      }
    }
  return found
}

/** Of a PUBLISH packet (MQTT 5, 3.3.1.2). */
function qosOf(firstByte: number): QoS {
  const qos = (firstByte >> 1) & 3
  return qos === 0 || qos === 1 ? qos : 2
}
