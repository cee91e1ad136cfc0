/** What one rule of an `acl.conf` says. Plain data: two readings of one file are equal. */
import type { QoS } from '../../packets/message.ts'

export type AclRule = {
  readonly permission: 'allow' | 'deny'
  readonly who: AclWho
  readonly action: AclAction
  readonly topics: 'all' | readonly AclTopic[]
}

export type AclWho =
  | { readonly type: 'all' }
  | { readonly type: 'username' | 'clientid' | 'listener'; readonly is: TextTest }
  | { readonly type: 'client_attr'; readonly name: string; readonly is: TextTest }
  /** In one of these networks; an address alone is a network of one. */
  | { readonly type: 'ipaddr'; readonly networks: readonly Network[] }
  | { readonly type: 'and' | 'or'; readonly of: readonly AclWho[] }

export type TextTest =
  | { readonly type: 'eq'; readonly text: string }
  /** A pattern that `compilePattern` takes; it is looked for anywhere in the text. */
  | { readonly type: 're'; readonly pattern: string }

export type Network = { readonly family: 'ipv4' | 'ipv6'; readonly address: string; readonly prefixLength: number }

export type AclAction = {
  readonly type: 'publish' | 'subscribe' | 'all'
  readonly qos: readonly QoS[]
  /** Of a publish alone. */
  readonly retain: boolean | 'all'
}

export type AclTopic =
  /** Exactly this filter or topic: `{eq, "#"}` is the subscription `#` and no other. */
  | { readonly type: 'eq'; readonly topic: string }
  /** A topic filter, of which parts may depend on the client. */
  | { readonly type: 'filter'; readonly parts: readonly TopicPart[] }

export type TopicPart =
  | string
  | { readonly placeholder: 'clientid' | 'username' | 'cert_common_name' }
  | { readonly placeholder: 'client_attrs'; readonly name: string }

/** What a rule leaves unsaid. */
export const everyQos: readonly QoS[] = [0, 1, 2]
