/** A client that comes back by itself whatever becomes of its node, and whose session is kept meanwhile. */
import type { TestContext } from 'node:test'
import mqtt, { type MqttClient } from 'mqtt'

/** Resolves when it is connected, for the first time. @param before called before: to listen to what waits for it already */
export async function keptClient(
  t: TestContext,
  port: number,
  clientId: string,
  before: (client: MqttClient) => void = () => undefined,
): Promise<MqttClient> {
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: 5,
    clientId,
    clean: false,
    properties: { sessionExpiryInterval: 3_600 },
    reconnectPeriod: 50,
    resubscribe: false,
  })
  // A node that is killed refuses and resets; what matters is what arrives.
  client.on('error', () => undefined)
  t.after(() => client.endAsync(true))
  before(client)
  await new Promise<void>((resolve) => client.once('connect', () => resolve()))
  return client
}
