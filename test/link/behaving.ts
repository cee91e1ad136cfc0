/** How an acceptor behaves towards a dialling link, and what it takes its packets for. */
import { decodeRouteMessage } from '../../src/link/emqx/route-ops.ts'
import { isPublish, payloadOf, type AckResult, type Answer, type Received } from './acceptor.ts'

export type Behaviour = {
  connack?: number
  /** Of the CONNACK. */
  properties?: object
  suback?: number
  ack?: AckResult | 'none'
  puback?: (received: Received) => number | undefined
}

/** An acceptor that behaves, but for what is said. */
export function behaving({ connack = 0, properties = {}, suback = 1, ack, puback = () => 0 }: Behaviour = {}): Answer {
  return (received) => {
    const { packet, peer } = received
    if (packet.cmd === 'connect') peer.send({ cmd: 'connack', reasonCode: connack, sessionPresent: false, properties })
    if (packet.cmd === 'subscribe') peer.send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: [suback] })
    if (!isPublish(packet)) return
    const code = packet.qos === 1 ? puback(received) : undefined
    if (code !== undefined) peer.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode: code })
    if (isInit(received) && ack !== 'none') peer.ack(packet, ack ?? { result: 'ok', needBootstrap: true })
  }
}

export const routeOf = ({ packet }: Received) =>
  isPublish(packet) && packet.topic.startsWith('$LINK/cluster/route/')
    ? decodeRouteMessage(payloadOf(packet))
    : undefined
export const isInit = (received: Received) => routeOf(received)?.type === 'actor_init'
export const isRoutes = (received: Received) => routeOf(received)?.type === 'route'
