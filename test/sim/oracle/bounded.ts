/** 9. Bounded. No outbox holds more than its limits, no client has more unacknowledged messages than it allows, no lane grows without end. */
import { allowances } from './allowances.ts'
import type { Chronicle } from './chronicle.ts'
import type { Evidence } from './evidence.ts'
import type { NodeFacts } from './node-facts.ts'
import type { Violation } from './violation.ts'

/** Of all that waits for one member (`LaneOptions`), and a batch. */
const LANE_BYTES_MAX = 64 * 1024 * 1024 + 1024 * 1024
const LANE_MESSAGES_MAX = 110_000

export function bounded(nowMs: number, { node, cluster, links, lanes }: NodeFacts, chronicle: Chronicle): Violation[] {
  const found: Violation[] = []
  const add = (subject: string, words: string): void => {
    found.push({ invariant: 'bounded', atMs: nowMs, subject, words })
  }
  for (const { name, outbox } of links) {
    if (outbox === undefined) continue
    const terms = chronicle.termsBetween(cluster, name, nowMs, nowMs)
    const bytesMax = Math.max(0, ...terms.map((one) => one?.bufferBytesMax ?? 0))
    const messagesMax = Math.max(0, ...terms.map((one) => one?.bufferMessagesMax ?? 0))
    if (terms.length === 0) continue
    const { bytes, messages } = allowances.outboxSlack
    if (outbox.bytes > bytesMax + bytes)
      add(`outbox to ${name}`, `${node}: the outbox to ${name} has ${outbox.bytes} bytes of ${bytesMax}`)
    if (outbox.messages > messagesMax + messages) {
      add(`outbox to ${name}`, `${node}: the outbox to ${name} has ${outbox.messages} messages of ${messagesMax}`)
    }
  }
  for (const { to, waitingBytes, waitingMessages } of lanes) {
    if (waitingBytes > LANE_BYTES_MAX || waitingMessages > LANE_MESSAGES_MAX) {
      add(`lanes in ${cluster}`, `${node}: ${waitingMessages} messages and ${waitingBytes} bytes wait for ${to}`)
    }
  }
  return found
}

/** At the end: the brokers kept to what each client allows (Receive Maximum, MQTT 5, 3.1.2.11.3). */
export function windowsKept({ history }: Evidence): Violation[] {
  const beyond = history.connections.find(({ inflightMax, receiveMaximum }) => inflightMax > receiveMaximum)
  if (beyond === undefined) return []
  const { client, node, inflightMax, receiveMaximum, openedMs } = beyond
  const words = `${client.clientId} had ${inflightMax} messages from ${node} to acknowledge at once, and allows ${receiveMaximum}`
  return [{ invariant: 'bounded', atMs: openedMs, subject: `window in ${client.cluster}`, words }]
}
