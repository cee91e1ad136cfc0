/** MQTT clients of a soak, as others wrote them: they come back by themselves whatever becomes of their node. */
import { connect, type IClientOptions, type MqttClient } from 'mqtt'

export type ClientOptions = {
  readonly clientId: string
  readonly port: number
  readonly version: 4 | 5
  /** Seconds that its session outlives its connection; 3.1.1 knows only 0 and the broker's own limit. */
  readonly sessionExpiryS: number
  /** 0: it does not come back. */
  readonly reconnectMs?: number
  readonly will?: NonNullable<IClientOptions['will']>
}

const CONNECT_TIMEOUT_MS = 10_000

/** Not connected yet. What goes wrong on the way shows in the account. */
export function openClient({
  clientId,
  port,
  version,
  sessionExpiryS,
  reconnectMs = 500,
  will,
}: ClientOptions): MqttClient {
  const client = connect(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: version,
    clientId,
    clean: sessionExpiryS === 0,
    reconnectPeriod: reconnectMs,
    connectTimeout: CONNECT_TIMEOUT_MS,
    ...(version === 5 ? { properties: { sessionExpiryInterval: sessionExpiryS } } : {}),
    ...(will === undefined ? {} : { will }),
  })
  client.on('error', () => undefined)
  return client
}

/** Resolves at the first CONNACK. */
export function connected(client: MqttClient): Promise<void> {
  return new Promise((resolve) => client.once('connect', () => resolve()))
}
