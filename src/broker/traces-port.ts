/** What the broker asks of whoever follows messages through it. There is nobody nearly always: then it costs a look. */
import type { PublishForm } from '../packets/publish-form.ts'
import type { PublishView } from '../packets/publish-view.ts'
import type { Passing } from './sessions/passing.ts'

export interface BrokerTraces {
  /** A message is about to be passed on, and may be made to say where it is in its trace. `undefined`: it is not followed. */
  begin(passing: Passing): Passage | undefined
  /** A client has connected: what it is sent is to be told there. */
  deliveries(clientId: string): DeliveryTraces
}

/** A message on its way through the broker. */
export interface Passage {
  /** @param receivers that were found: sessions, groups, nodes, links */
  end(receivers: number): void
}

/** What one connection is sent. */
export interface DeliveryTraces {
  sent(view: PublishView, form: PublishForm): void
  /** PUBACK or PUBCOMP came for it. */
  acknowledged(packetId: number): void
  /** The connection is gone. */
  closed(): void
}
