/** A client that greets us as the peer of a link, in its CONNECT: who serves links answers it in the CONNACK. */
import type { LinkClient } from '../../link/broker-port.ts'
import type { Broker } from '../broker.ts'
import type { ConnectPacket } from './control-packets.ts'
import type { Admission } from './handshake.ts'
import { LinkPeer } from './link-peer.ts'

/** User Property of CONNECT and CONNACK. */
export const greetingProperty = 'isthmus-link'

/** A peer that is known as one, and what it is answered. */
export type Greeted = { readonly peer: LinkPeer; readonly answer: string }

/** The greeting of a client of MQTT 5; `undefined` for one that is no peer. */
export function greetingOf({ facts, properties }: ConnectPacket): string | undefined {
  const text = facts.version === 5 ? properties?.userProperties?.[greetingProperty] : undefined
  return typeof text === 'string' ? text : undefined
}

/** A promise only where somebody has to be asked. Never rejects: a greeting that comes to nothing is that of an ordinary client. */
export function greet(
  broker: Broker,
  disconnect: LinkClient['disconnect'],
  admission: Admission,
  remoteAddress: string,
  greeting: string,
): Greeted | undefined | Promise<Greeted | undefined> {
  const peer = new LinkPeer(broker, disconnect, admission, remoteAddress)
  const known = (answer: string | undefined): Greeted | undefined => {
    peer.isGreeted = answer !== undefined
    if (answer !== undefined) return { peer, answer }
    peer.closed()
    return undefined
  }
  const crashed = (error: unknown): undefined => {
    broker.log.error({ err: error, clientid: peer.clientId }, 'link_inlet_crashed')
    peer.closed()
  }
  try {
    const answer = broker.linkInlet.greet(peer, greeting)
    return answer instanceof Promise ? answer.then(known, crashed) : known(answer)
  } catch (error) {
    return crashed(error)
  }
}
