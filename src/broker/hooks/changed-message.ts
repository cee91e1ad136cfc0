/** What a hook made of a message, which is believed no more than what comes from the wire. */
import type { Message } from '../../packets/message.ts'
import { encodeMessage, Publication } from '../../packets/publication.ts'
import { PacketFault } from '../../packets/reason-code.ts'
import { topicNameProblem } from '../../topics/topic-filter.ts'
import { reservedNamespace } from '../sessions/subscription.ts'
import type { ChangedMessage } from './hook.ts'

/**
 * The other message, of the same publisher, time and origin; or what is wrong with it, in words that hold nothing of it.
 * @param bytesMax of its packet
 */
export function changedPublication(
  before: Publication,
  changed: ChangedMessage,
  bytesMax: number,
): Publication | string {
  const old = before.toMessage()
  const { topic = old.topic, qos = old.qos, retain = old.retain, payload = old.payload } = changed
  if (typeof topic !== 'string' || topicNameProblem(topic) !== undefined) return 'its topic is no topic name'
  if (reservedNamespace(topic) !== undefined) return 'its topic is under $SYS/ or $LINK/'
  if (qos !== 0 && qos !== 1 && qos !== 2) return 'its qos is none of 0, 1 and 2'
  if (typeof retain !== 'boolean') return 'its retain is neither true nor false'
  if (typeof payload !== 'string' && !(payload instanceof Uint8Array)) return 'its payload is neither bytes nor text'
  const properties = 'properties' in changed ? changed.properties : old.properties
  const message: Message = { ...old, topic, qos, retain, payload: bytesOf(payload), properties }
  try {
    const bytes = encodeMessage(message)
    if (bytes.length > bytesMax) return `it has ${bytes.length} bytes, more than mqtt.max_packet_size`
    return Publication.read(topic, bytes, before.publisher, before.receivedAtMs, before.origin)
  } catch (error) {
    return error instanceof PacketFault ? error.message : 'its properties are not of the kinds that MQTT 5 has'
  }
}

function bytesOf(payload: Uint8Array | string): Buffer {
  return typeof payload === 'string'
    ? Buffer.from(payload)
    : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
}
