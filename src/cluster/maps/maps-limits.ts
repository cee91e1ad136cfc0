/** How much of anything shared maps hold, send or do at once. */
import type { OpsLimits } from '../../routes/journal.ts'

export type MapsLimits = {
  readonly entriesMax: number
  /** UTF-8. A topic filter has up to 65,535, and what it is for stands before it. */
  readonly keyBytesMax: number
  readonly copiesMax: number
  readonly copiesPerOwnerMax: number
  readonly ownMax: number
  /** One message. */
  readonly message: OpsLimits
  readonly journal: OpsLimits
  /** In one turn of the event loop, so that none takes long: changes told to listeners, or taken away after a repair. */
  readonly changesPerTurnMax: number
  readonly answersPerTurnMax: number
  /** Pieces on their way to this node. */
  readonly pullsMax: number
  /** No more is pulled while so many changes wait to be told. */
  readonly backlogMax: number
}

export const heartbeatMs = 1_000
/** After so long a question is asked again: before the next heartbeat. */
export const answerMs = 900

export const defaultMapsLimits: MapsLimits = {
  entriesMax: 5_000_000,
  keyBytesMax: 65_600,
  copiesMax: 10_000,
  copiesPerOwnerMax: 2_000,
  ownMax: 2_000,
  message: { opsMax: 1_000, bytesMax: 65_536 },
  journal: { opsMax: 65_536, bytesMax: 8 * 2 ** 20 },
  changesPerTurnMax: 1_000,
  answersPerTurnMax: 2,
  pullsMax: 2,
  backlogMax: 4_000,
}

/** Of a bus that takes shorter messages. */
export function limitsFor(limits: MapsLimits, payloadBytesMax: number): MapsLimits {
  const { opsMax, bytesMax } = limits.message
  return {
    ...limits,
    // The message has more in it than the key.
    keyBytesMax: Math.min(limits.keyBytesMax, payloadBytesMax - 8_192),
    message: { opsMax, bytesMax: Math.min(bytesMax, Math.floor(payloadBytesMax / 2)) },
  }
}
