/** How large a PUBLISH of MQTT 5 without properties becomes, for a peer's Maximum Packet Size (MQTT 5, 3.3). */
export function publishPacketBytes(topic: string, payloadBytes: number, qos: 0 | 1): number {
  const remaining = 2 + Buffer.byteLength(topic) + (qos === 0 ? 0 : 2) + 1 + payloadBytes
  return 1 + variableIntegerBytes(remaining) + remaining
}

/** The largest payload with which such a PUBLISH of QoS 1 becomes no larger than that. */
export function payloadBytesMax(topic: string, packetBytesMax: number): number {
  return packetBytesMax - publishPacketBytes(topic, 0, 1) - 3
}

function variableIntegerBytes(value: number): number {
  if (value < 128) return 1
  if (value < 16_384) return 2
  return value < 2_097_152 ? 3 : 4
}
