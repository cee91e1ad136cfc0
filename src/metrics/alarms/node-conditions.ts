/** What is wrong with a node itself. Pure. */
import type { Condition } from './alarm.ts'

export type CertificateOutlook = {
  /** Whose it is: `listener ssl:default`, or `the peer eu-west`. */
  readonly owner: string
  readonly subject: string
  /** Milliseconds since 1970. */
  readonly notAfterMs: number
  readonly link?: string
}

/** How long before it expires a certificate is worth an alarm, milliseconds. */
export const CERTIFICATE_WARN_MS = 30 * 86_400_000
const DAY_MS = 86_400_000

export function certificateConditions(certificates: Iterable<CertificateOutlook>, nowMs: number): Condition[] {
  const found: Condition[] = []
  for (const { owner, subject, notAfterMs, link } of certificates) {
    const leftMs = notAfterMs - nowMs
    if (leftMs > CERTIFICATE_WARN_MS) continue
    const days = Math.floor(leftMs / DAY_MS)
    const when =
      leftMs <= 0
        ? 'expired'
        : days < 1
          ? 'expires within a day,'
          : `expires in ${days} ${days === 1 ? 'day' : 'days'},`
    const reason = `${when} on ${new Date(notAfterMs).toISOString()}`
    found.push({
      kind: 'certificate_expiring',
      name: `certificate_expiring:${owner.replaceAll(' ', ':')}`,
      reason,
      message: `the certificate of ${owner} (${subject}) ${reason}`,
      ...(link === undefined ? {} : { link }),
    })
  }
  return found
}

export function coordinationCondition(isLost: boolean): Condition[] {
  if (!isLost) return []
  const reason = 'what the nodes of the cluster coordinate through (cluster.nats) does not answer'
  return [{ kind: 'coordination_lost', name: 'coordination_lost', reason, message: `coordination lost: ${reason}` }]
}

/** Another node's wall clock, as it was measured. */
export type ClockOffset = {
  readonly node: string
  /** How far it is ahead of ours, milliseconds; below 0 if it is behind. */
  readonly offsetMs: number
  /** By how much that may be wrong. */
  readonly uncertaintyMs: number
}

/** Beyond which two clocks are worth an alarm, milliseconds. */
export const CLOCK_SKEW_MS = 1_000

export function clockConditions(offsets: Iterable<ClockOffset>): Condition[] {
  const found: Condition[] = []
  for (const { node, offsetMs, uncertaintyMs } of offsets) {
    // Only what is sure: an answer that was long on its way says little.
    if (Math.abs(offsetMs) - uncertaintyMs <= CLOCK_SKEW_MS) continue
    const reason = `its clock is ${(Math.abs(offsetMs) / 1000).toFixed(1)} s ${offsetMs > 0 ? 'ahead of' : 'behind'} ours`
    found.push({ kind: 'clock_skew', name: `clock_skew:${node}`, reason, message: `the node ${node}: ${reason}` })
  }
  return found
}
