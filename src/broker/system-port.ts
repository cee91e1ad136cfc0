/** What the broker asks of whoever speaks under `$SYS/`: present values for new subscribers, and an ear for its clients. */
import { encodeMessage, Publication } from '../packets/publication.ts'
import type { ConnectTerms } from './connection/connect.ts'
import type { SubscriptionOptions } from './sessions/subscription.ts'

export type SystemTopic = { readonly topic: string; readonly payload: string }

export interface SystemTopics {
  /** The topics under a filter that begins with `$SYS/`, each with its present value. */
  under(topicFilter: string): Iterable<SystemTopic>
  connected(client: PresentClient): void
  /** @param reason code that one side gave; `undefined` where the connection just broke */
  disconnected(client: PresentClient, reason: number | undefined): void
  /** @param name as the client wrote it, `$share/...` included */
  subscribed(client: PresentClient, name: string, options: SubscriptionOptions, isNew: boolean): void
  unsubscribed(client: PresentClient, name: string): void
}

/** A client on its connection, as events tell of it. */
export interface PresentClient {
  readonly terms: ConnectTerms
  readonly peerHost: string
  /** The port of ours that it came to. */
  readonly localPort: number
  /** Milliseconds since 1970. */
  readonly connectedAtMs: number
}

const node = { clientId: '', username: undefined, peerHost: undefined }

/** QoS 0: what is said again in a minute is not worth a disk or a window. */
export function systemPublication(topic: string, payload: string, retain: boolean, nowMs: number): Publication {
  const bytes = encodeMessage({
    topic,
    payload: Buffer.from(payload),
    qos: 0,
    retain,
    properties: undefined,
    from: node.clientId,
    username: undefined,
    peerHost: undefined,
    timestampMs: nowMs,
    origin: undefined,
  })
  return Publication.read(topic, bytes, node, nowMs, undefined)
}
