/** Who publishes what, and who wants it. */
import type { QoS } from './observed.ts'

type Client = {
  /** Unique in the plan, and the ClientID. */
  readonly name: string
  readonly cluster: string
  /** `mqtt://host:port`, or `mqtts://…` with `ca`. */
  readonly url: string
  readonly username?: string
  readonly password?: string
  /** PEM; of a connection over TLS. */
  readonly ca?: string
}

export type PublisherPlan = Client & {
  readonly topic: string
  readonly qos: QoS
  readonly perSecond: number
  readonly retain?: boolean
  /** Default 64; at least what the stamp needs. */
  readonly payloadBytes?: number
}

export type SubscriberPlan = Client & {
  readonly filter: string
  readonly qos: QoS
  /** Its session is kept while it is away, so what comes meanwhile has to reach it. */
  readonly isDurable: boolean
}

export type TrafficPlan = {
  readonly publishers: readonly PublisherPlan[]
  readonly subscribers: readonly SubscriberPlan[]
}
