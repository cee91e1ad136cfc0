/**
 * Hooks: functions of whoever runs the node, called where something happens in the broker. Their names are EMQX's
 * (`emqx_hookpoints.erl`), and so is what they may do: `message.publish` may change a message or drop it, the others only watch.
 */
import type { Message, PublishProperties, QoS } from '../../packets/message.ts'
import type { ClientInfo } from '../access/client-info.ts'
import type { SubscriptionOptions } from '../sessions/subscription.ts'

export type HookClient = ClientInfo

/**
 * A message that was published. Its bytes are its own, so that it may be kept; they are also those that are passed on, so that nothing
 * is to be written into them: who wants a message to be another one returns that. `origin` names the cluster whose link brought it.
 */
export type HookMessage = Message

/** A PUBLISH as a client is sent it, with a copy of its payload. `dup`: it was sent before. */
export type SentMessage = Pick<Message, 'topic' | 'payload' | 'qos' | 'retain' | 'properties'> & {
  readonly dup: boolean
}

/** What is to be published instead; what is left out stays as it was. Anything else in it is passed over. */
export type ChangedMessage = {
  readonly topic?: string
  readonly payload?: Uint8Array | string
  readonly qos?: QoS
  readonly retain?: boolean
  readonly properties?: PublishProperties | undefined
}

/** `false`: the message is dropped. Nothing or `true`: it stays as it is. */
export type PublishVerdict = ChangedMessage | boolean | null | void

/**
 * Each hook with its arguments. A promise of `message.publish` makes its publisher wait, and nobody else; it has so long as
 * `HOOK_DEADLINE_MS`. Nobody waits for the others.
 */
export type HookFunctions = {
  'client.connected'(client: HookClient): unknown
  'client.disconnected'(client: HookClient, reasonCode: number | undefined): unknown
  'session.subscribed'(client: HookClient, topicFilter: string, options: SubscriptionOptions): unknown
  'session.unsubscribed'(client: HookClient, topicFilter: string): unknown
  'message.publish'(message: HookMessage): PublishVerdict | Promise<PublishVerdict>
  'message.delivered'(client: HookClient, message: SentMessage): unknown
  'message.acked'(client: HookClient, message: SentMessage): unknown
  'message.dropped'(message: HookMessage, reason: string, clientId: string | undefined): unknown
}

export const hookNames = [
  'client.connected',
  'client.disconnected',
  'session.subscribed',
  'session.unsubscribed',
  'message.publish',
  'message.delivered',
  'message.acked',
  'message.dropped',
] as const satisfies readonly (keyof HookFunctions)[]

export type HookName = (typeof hookNames)[number]
export type WatchName = Exclude<HookName, 'message.publish'>

/** `linked`: it is also to see messages that came over a link. For those it has to answer at once: a promise is taken for a failure. */
export type PublishHook =
  | HookFunctions['message.publish']
  | { readonly linked?: boolean; readonly run: HookFunctions['message.publish'] }

/** What a module exports as `default`, or what `createNode` is given. */
export type Hooks = { readonly [Name in WatchName]?: HookFunctions[Name] } & {
  readonly 'message.publish'?: PublishHook
  /** When the node has stopped: to write what was gathered. What it returns is awaited for `HOOK_DEADLINE_MS`. */
  readonly close?: () => unknown
}

/** Hooks of one place: a file, or the options of `createNode`. */
export type HookModule = { readonly name: string; readonly hooks: Hooks }

/** How long a publisher waits for a promise of a hook, milliseconds. */
export const HOOK_DEADLINE_MS = 5_000

/** A call that holds up the whole node for longer than this is slow, milliseconds. */
export const HOOK_SLOW_MS = 50
