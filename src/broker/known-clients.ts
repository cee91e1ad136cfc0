/** The clients of this node for whoever looks after them: those that are connected, and those that are away and have a session. */
import { reasonCode } from '../packets/reason-code.ts'
import type { Broker } from './broker.ts'
import type { Client } from './connection/client.ts'
import { Connection } from './connection/connection.ts'
import { ConnectionOutlet } from './connection/connection-outlet.ts'
import type { Session } from './sessions/session.ts'

export type KnownClient = {
  readonly clientId: string
  readonly username: string | undefined
  /** `undefined` for a session of the store that was written without. */
  readonly peerHost: string | undefined
  readonly session: SessionFacts
  /** `undefined` while the client is away. */
  readonly connection: ConnectionFacts | undefined
}

export type SessionFacts = {
  /** Milliseconds; `Infinity` for one that never expires. */
  readonly expiryIntervalMs: number
  /** When the client went, milliseconds since 1970; `undefined` while it is there. */
  readonly leftAtMs: number | undefined
  readonly subscriptions: number
  readonly queued: number
  readonly queueMax: number
  readonly dropped: number
  /** Sent and not acknowledged. */
  readonly inflight: number
  readonly inflightMax: number
  /** Messages of QoS 2 that came, and whose PUBREL is to come. */
  readonly awaitingRel: number
}

export type ConnectionFacts = {
  readonly connectedAtMs: number
  readonly peerPort: number
  readonly listener: string
  readonly version: 3 | 4 | 5
  /** Seconds; 0: no keep alive. */
  readonly keepAlive: number
  readonly cleanStart: boolean
  readonly isBridge: boolean
  /** Whether it speaks for another cluster. */
  readonly isLinkPeer: boolean
  readonly isSuperuser: boolean
  /** PUBLISH packets. */
  readonly publishesReceived: number
  readonly publishesSent: number
  readonly bytesReceived: number
  readonly bytesSent: number
}

/** What is known of the client of a session. */
export function knownClient(session: Session, { mqtt }: Pick<Broker, 'mqtt'>): KnownClient {
  const { clientId, publisher, expiryIntervalMs, leftAtMs, subscriptions, queue, window, awaitingRel } = session
  return {
    clientId,
    username: publisher.username,
    peerHost: publisher.peerHost,
    session: {
      expiryIntervalMs,
      leftAtMs,
      subscriptions: subscriptions.size,
      queued: queue.length,
      queueMax: mqtt.max_mqueue_len,
      dropped: session.droppedCount,
      inflight: window.count,
      inflightMax: window.limit,
      awaitingRel: awaitingRel.size,
    },
    connection: connectionFacts(session),
  }
}

/**
 * Ends the session of a client, and its connection if it is there (MQTT 5: DISCONNECT 0x98); its will is published. Returns false if it
 * has no session on this node.
 */
export function kickClient({ sessions }: Pick<Broker, 'sessions'>, clientId: string): boolean {
  const session = sessions.get(clientId)
  if (session === undefined) return false
  // From now on the session ends with its connection.
  session.expiryIntervalMs = 0
  connectionOf(session)?.disconnect(reasonCode.administrativeAction, 'kicked by an administrator')
  if (sessions.get(clientId) === session) sessions.end(session)
  return true
}

function connectionFacts(session: Session): ConnectionFacts | undefined {
  const connection = connectionOf(session)
  return connection?.client === undefined ? undefined : factsOf(connection.client, connection.outlet.publishCount)
}

function factsOf(client: Client, publishesSent: number): ConnectionFacts {
  const { terms, admission, connectedAtMs, transport, isLinkPeer, publishCount } = client
  const { identity } = admission
  return {
    connectedAtMs,
    peerPort: identity.peerPort,
    listener: identity.listener,
    version: terms.version,
    keepAlive: terms.keepAlive,
    cleanStart: terms.cleanStart,
    isBridge: terms.isBridge,
    isLinkPeer,
    isSuperuser: identity.isSuperuser,
    publishesReceived: publishCount,
    publishesSent,
    bytesReceived: transport.bytesRead ?? 0,
    bytesSent: transport.bytesWritten ?? 0,
  }
}

function connectionOf({ outlet }: Session): Connection | undefined {
  return outlet instanceof ConnectionOutlet && outlet.owner instanceof Connection ? outlet.owner : undefined
}
