/** What the broker counts. Every message that is not delivered stands under a reason. */
export class Counters {
  received = 0
  /** PUBLISH packets handed to connections. */
  sent = 0
  /** The queue of a session was full: its oldest message made room. */
  droppedQueueFull = 0
  droppedExpired = 0
  /** Above the Maximum Packet Size of the client. */
  droppedTooLarge = 0
  /** The session had gone when the message came, or does not keep QoS 0. */
  droppedNotConnected = 0
  /** QoS 0 to a reader that is too slow. */
  shedQos0 = 0
  /** Publishes and subscriptions that a client had no right to. */
  denied = 0
  /** Connections closed because their reader was too slow. */
  closedSlow = 0

  /** Messages given up, by reason. */
  losses(): Readonly<Record<string, number>> {
    return {
      queue_full: this.droppedQueueFull,
      expired: this.droppedExpired,
      too_large: this.droppedTooLarge,
      not_connected: this.droppedNotConnected,
      shed_qos0: this.shedQos0,
    }
  }
}
