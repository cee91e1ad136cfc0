/** What is told of clients that come, go and subscribe, in the fields of EMQX. Source: EMQX `emqx_sys.erl`, its event messages. */
import type { SubscriptionOptions } from '../broker/sessions/subscription.ts'
import type { PresentClient } from '../broker/system-port.ts'
import { reasonCode } from '../packets/reason-code.ts'

export type ClientEvent = 'connected' | 'disconnected' | 'subscribed' | 'unsubscribed'

export function connectedPayload(client: PresentClient, nowMs: number): string {
  const { keepAlive, cleanStart, sessionExpiryMs } = client.terms
  return JSON.stringify({
    ...commonFields(client, nowMs),
    keepalive: keepAlive,
    clean_start: cleanStart,
    // Seconds, as CONNECT says it; the largest number that it can say stands for never.
    expiry_interval: Math.min(Math.floor(sessionExpiryMs / 1000), 0xffffffff),
    connack: 0,
  })
}

export function disconnectedPayload(client: PresentClient, reason: number | undefined, nowMs: number): string {
  return JSON.stringify({ ...commonFields(client, nowMs), reason: reasonWord(reason), disconnected_at: nowMs })
}

export function subscribedPayload(
  client: PresentClient,
  name: string,
  { qos, noLocal, retainAsPublished, retainHandling, identifier }: SubscriptionOptions,
  isNew: boolean,
  nowMs: number,
): string {
  return JSON.stringify({
    ...subscriptionFields(client, name, nowMs),
    subopts: {
      qos,
      nl: Number(noLocal),
      rap: Number(retainAsPublished),
      rh: retainHandling,
      is_new: isNew,
      sub_props: identifier === 0 ? {} : { 'Subscription-Identifier': identifier },
    },
  })
}

export function unsubscribedPayload(client: PresentClient, name: string, nowMs: number): string {
  return JSON.stringify(subscriptionFields(client, name, nowMs))
}

function subscriptionFields({ terms }: PresentClient, name: string, nowMs: number): object {
  return { clientid: terms.clientId, username: usernameOf(terms), protocol: 'mqtt', topic: name, ts: nowMs }
}

function commonFields({ terms, peerHost, localPort, connectedAtMs }: PresentClient, nowMs: number): object {
  return {
    clientid: terms.clientId,
    username: usernameOf(terms),
    ipaddress: peerHost,
    sockport: localPort,
    protocol: 'mqtt',
    proto_name: terms.version === 3 ? 'MQIsdp' : 'MQTT',
    proto_ver: terms.version,
    connected_at: connectedAtMs,
    ts: nowMs,
  }
}

/** An absent name is in EMQX the word that Erlang has for it. */
function usernameOf({ username }: PresentClient['terms']): string {
  return username ?? 'undefined'
}

/** EMQX's words where they differ from the names of the specification. */
const emqxWords: ReadonlyMap<number | undefined, string> = new Map([
  [undefined, 'tcp_closed'],
  [reasonCode.success, 'normal'],
  [reasonCode.disconnectWithWill, 'disconnect_with_will_message'],
  [reasonCode.keepAliveTimeout, 'keepalive_timeout'],
  [reasonCode.sessionTakenOver, 'takenover'],
])
const names: ReadonlyMap<number, string> = new Map(Object.entries(reasonCode).map(([name, code]) => [code, name]))

/** @param code MQTT 5's, or `undefined` for a connection that just broke */
export function reasonWord(code: number | undefined): string {
  const known = emqxWords.get(code) ?? names.get(code ?? 0)
  return known?.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) ?? `reason_code_${code}`
}
