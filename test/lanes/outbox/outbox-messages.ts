/** Messages that tell who published them and as the how manieth, and what reads them from a batch. */
import assert from 'node:assert/strict'
import type { LaneMessage } from '../../../src/lanes/batches/batch-writer.ts'
import { readLinkFrame } from '../../../src/lanes/batches/link-frame.ts'
import { readBatch } from '../../../src/lanes/batches/read-batch.ts'
import type { QoS } from '../../../src/packets/message.ts'
import { encodeMessage, type Publication } from '../../../src/packets/publication.ts'
import { viewOf } from '../../packets/publishes.ts'

/** Wall clock when the steady clock says 0. */
export const WALL_MS = 1_790_000_000_000

export type Sample = {
  readonly from?: string
  readonly qos?: QoS
  /** Bytes of the payload. */
  readonly bytes?: number
  readonly expirySeconds?: number | undefined
  readonly origin?: string
  /** By the steady clock. */
  readonly atMs?: number
}

/** Its payload begins with the name. */
export function publish(name: string, sample: Sample = {}): LaneMessage {
  const { from = 'p', qos = 1, bytes = 0, expirySeconds, origin, atMs = 0 } = sample
  const properties = expirySeconds === undefined ? undefined : { messageExpiryInterval: expirySeconds }
  const publisher = { clientId: from, username: undefined, peerHost: undefined }
  const payload = Buffer.from(`${name} `.padEnd(bytes, '.'))
  const nowMs = WALL_MS + atMs
  const rest = { username: undefined, peerHost: undefined, timestampMs: nowMs, origin: undefined }
  const packet = encodeMessage({ topic: 't', payload, qos, retain: false, properties, from, ...rest })
  return { view: viewOf(packet, 5), publisher, nowMs, expirySeconds: expirySeconds ?? 0, origin }
}

export function publicationsOf(frame: Buffer): readonly Publication[] {
  const head = readLinkFrame(frame, Number.POSITIVE_INFINITY)
  assert.ok(head.type === 'batch')
  const batch = readBatch(frame, head.tablesAt)
  assert.ok(batch.type === 'messages')
  return batch.publications
}

export function nameOf(publication: Publication): string {
  return publication.toMessage().payload.toString().split(' ')[0]!
}

export function namesOf(frame: Buffer): string[] {
  return publicationsOf(frame).map(nameOf)
}
