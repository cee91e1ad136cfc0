/**
 * 7. One speaker. No two connections of one ClientID are open at once, wherever in the cluster they are; no two nodes have the same slot,
 * of which their links' ClientIDs are made; of two that hold one lease each has its own incarnation, by which peers believe the newer.
 */
import type { ConnectionRecord } from '../clients/history.ts'
import { allowances } from './allowances.ts'
import type { Evidence } from './evidence.ts'
import type { NodeFacts } from './node-facts.ts'
import type { Violation } from './violation.ts'

/** Of one look at all nodes. @param slotsSince when two nodes were first seen with one slot, kept from look to look */
export function oneSpeaker(nowMs: number, facts: readonly NodeFacts[], slotsSince: Map<string, number>): Violation[] {
  return [...leasesHeldTwice(nowMs, facts), ...slotsHeldTwice(nowMs, facts, slotsSince)]
}

function leasesHeldTwice(nowMs: number, facts: readonly NodeFacts[]): Violation[] {
  const holders = new Map<string, { readonly node: string; readonly incarnation: number | undefined }>()
  const found: Violation[] = []
  for (const { node, cluster, leases } of facts)
    for (const { name, state, incarnation } of leases) {
      if (state !== 'holder') continue
      const key = `${cluster} ${name}`
      const other = holders.get(key)
      holders.set(key, { node, incarnation })
      if (other === undefined || incarnation === undefined || other.incarnation !== incarnation) continue
      const words = `${other.node} and ${node} both hold ${name}, under the same incarnation ${incarnation}`
      found.push({ invariant: 'one_speaker', atMs: nowMs, subject: `lease ${name} in ${cluster}`, words })
    }
  return found
}

function slotsHeldTwice(nowMs: number, facts: readonly NodeFacts[], since: Map<string, number>): Violation[] {
  const holders = new Map<string, string>()
  const both = new Set<string>()
  const found: Violation[] = []
  for (const { node, cluster, slot } of facts) {
    if (slot === undefined) continue
    const key = `${cluster} ${slot}`
    const other = holders.get(key)
    holders.set(key, node)
    if (other === undefined) continue
    both.add(key)
    const sinceMs = since.get(key) ?? nowMs
    since.set(key, sinceMs)
    if (nowMs - sinceMs < allowances.slotMs) continue
    const words = `${other} and ${node} have both had the slot ${slot} since ${sinceMs} ms`
    found.push({ invariant: 'one_speaker', atMs: nowMs, subject: `slot in ${cluster}`, words })
  }
  for (const key of since.keys()) if (!both.has(key)) since.delete(key)
  return found
}

/** At the end: of clients that came twice, the older connection was closed as soon as the newer one was accepted. */
export function oneConnection({ history, chronicle }: Evidence): Violation[] {
  const found = new Map<string, Violation>()
  const last = new Map<string, ConnectionRecord>()
  for (const connection of history.connections.toSorted(
    (one, other) => (one.acceptedMs ?? 0) - (other.acceptedMs ?? 0),
  )) {
    const { acceptedMs, client, node } = connection
    if (acceptedMs === undefined) continue
    const key = `${client.cluster} ${client.clientId}`
    const older = last.get(key)
    last.set(key, connection)
    const dueMs = acceptedMs + allowances.takeoverMs
    if (older === undefined || older.heardMs <= dueMs || found.has(key)) continue
    // It may take a while until the word is there, and what was sent before comes late.
    if (chronicle.wasDisturbed([client.cluster], acceptedMs - allowances.settleMs, older.heardMs)) continue
    const words =
      `${client.clientId} was accepted at ${node} at ${acceptedMs} ms, and its older connection to ${older.node} was still spoken to ` +
      `at ${older.heardMs} ms`
    found.set(key, { invariant: 'one_speaker', atMs: older.heardMs, subject: `ClientID in ${client.cluster}`, words })
  }
  return [...found.values()]
}
