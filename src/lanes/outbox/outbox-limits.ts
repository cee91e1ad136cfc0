/** How much an outbox may hold, and what it does when it is full. */
export type OutboxLimits = {
  /** All that waits or flies, bytes of memory, roughly. */
  readonly bytesMax: number
  readonly countMax: number
  /** How long a message may wait, milliseconds; `Infinity` for as long as its own expiry allows. */
  readonly ageMsMax: number
}

/**
 * What a full outbox does, once there is no QoS 0 left to shed. `backpressure`: publishers wait from `PUBLISHERS_WAIT_FILL` on
 * (`isFull`), so that what they have on its way to us still finds room; beyond the limits it is `drop_newest`.
 */
export type OverflowPolicy = 'drop_oldest' | 'drop_newest' | 'backpressure'

export const PUBLISHERS_WAIT_FILL = 0.8
