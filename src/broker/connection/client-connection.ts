import type { ConnectionOutlet } from './connection-outlet.ts'
import type { Inbox } from './inbox.ts'
import type { Transport } from './transport.ts'

/** The connection as its client sees it. */
export interface ClientConnection {
  readonly inbox: Inbox
  readonly outlet: ConnectionOutlet
  readonly transport: Transport
  readonly isOpen: boolean
  /** Tells the client why (MQTT 5), then closes. */
  disconnect(reason: number, words: string): void
  /** Something was thrown over what the client sent. */
  fault(error: unknown): void
  /** What was held goes on in the next turn of the event loop. */
  nextTurn(): void
}
