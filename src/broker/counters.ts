/**
 * What the broker counts since the node started: the one place, whoever shows it. Each event stands in one counter, so that sums
 * mean something; every message that is not delivered stands under one reason. Numbers only: counting costs an addition.
 */

/** Something there is so many of now, and the most there ever were at once. */
export class Gauge {
  #value = 0
  #max = 0

  get value(): number {
    return this.#value
  }

  get max(): number {
    return this.#max
  }

  set(value: number): void {
    this.#value = value
    if (value > this.#max) this.#max = value
  }

  add(change: number): void {
    this.set(this.#value + change)
  }
}

export class Counters {
  // ---- the wire

  /** Bytes of MQTT, as read from sockets and handed to them. */
  bytesReceived = 0
  bytesSent = 0
  /** Packets by their type (MQTT 5, 2.1.2), but for PUBLISH, which is counted by QoS. */
  readonly packetsReceived = new Float64Array(16)
  readonly packetsSent = new Float64Array(16)
  readonly publishesReceived = new Float64Array(3)
  readonly publishesSent = new Float64Array(3)
  /** Payloads of those PUBLISH packets, bytes. */
  payloadBytesReceived = 0
  payloadBytesSent = 0
  /** Acknowledgements by their type that nothing waited for. */
  readonly acknowledgementsMissed = new Float64Array(16)

  // ---- clients and sessions

  /** Connections accepted, whatever became of them. */
  socketsOpened = 0
  /** Clients whose CONNECT was accepted, and those of them that went. */
  clientsConnected = 0
  clientsDisconnected = 0
  /** CONNECT packets refused, and those of them for what the client said it is. */
  connectsRefused = 0
  authenticationFailures = 0
  /** Of those refused, the ones for whom there was no memory. */
  refusedBusy = 0
  /** Publishes and subscriptions that a client had no right to. */
  denied = 0
  /** Connections closed because their reader was too slow. */
  closedSlow = 0
  sessionsCreated = 0
  sessionsResumed = 0
  /** Taken over by another connection while the client was connected. */
  sessionsTakenOver = 0
  /** Ended because their client began anew. */
  sessionsDiscarded = 0
  /** Ended because their client did not come back in time. */
  sessionsExpired = 0
  /** Ended, for whatever reason. */
  sessionsTerminated = 0
  readonly connected = new Gauge()
  readonly sessions = new Gauge()
  readonly subscriptions = new Gauge()
  readonly sharedSubscriptions = new Gauge()

  // ---- messages

  /** Messages taken in: from clients, wills, links. */
  published = 0
  /** Copies handed to other nodes of the cluster, and messages that came from them. */
  sentToMembers = 0
  receivedFromMembers = 0
  /** Those taken in that nobody wanted. */
  withoutReceivers = 0
  /** The queue of a session was full: its oldest message made room. */
  droppedQueueFull = 0
  droppedExpired = 0
  /** Above the Maximum Packet Size of the client. */
  droppedTooLarge = 0
  /** The session had gone when the message came, or does not keep QoS 0. */
  droppedNotConnected = 0
  /** QoS 0 to a reader that is too slow. */
  shedQos0 = 0
  /** QoS 0 that came while the node's memory was above its ceiling. */
  shedMemory = 0
  /** Not queued because the memory was far above it. */
  droppedMemory = 0
  /** Of a shared subscription that has no member left on any node that was asked. */
  droppedNoMember = 0
  /** Not published because a hook would not have it: meant, and so no loss. */
  droppedByHook = 0
  /** For a node of the cluster that is gone. */
  droppedMemberLost = 0
  /** Delivered, but not kept as retained message: there are as many as may be, it is too large, or memory is short. */
  retainRefused = 0

  /** PUBLISH packets handed to connections. */
  get sent(): number {
    return sum(this.publishesSent)
  }

  /** PUBLISH packets that clients sent. */
  get received(): number {
    return sum(this.publishesReceived)
  }

  /** All packets that clients sent, of whatever type. */
  get allPacketsReceived(): number {
    return this.received + sum(this.packetsReceived)
  }

  get allPacketsSent(): number {
    return this.sent + sum(this.packetsSent)
  }

  /** A session's subscriptions grew, or shrank, by one. */
  countSubscription(change: 1 | -1, isShared: boolean): void {
    this.subscriptions.add(change)
    if (isShared) this.sharedSubscriptions.add(change)
  }

  /** Messages given up, by reason. */
  losses(): Readonly<Record<string, number>> {
    return {
      queue_full: this.droppedQueueFull,
      expired: this.droppedExpired,
      too_large: this.droppedTooLarge,
      not_connected: this.droppedNotConnected,
      shed_qos0: this.shedQos0,
      memory_qos0: this.shedMemory,
      memory_queue: this.droppedMemory,
      no_group_member: this.droppedNoMember,
      member_lost: this.droppedMemberLost,
    }
  }

  get lost(): number {
    return sum(Object.values(this.losses()))
  }
}

function sum(counts: Iterable<number>): number {
  let total = 0
  for (const count of counts) total += count
  return total
}
