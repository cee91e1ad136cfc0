/** The port through which a connection asks what its client may do. */
import type { QoS } from '../../packets/message.ts'
import type { Identity } from './client-info.ts'

/** What rules say of one action. `unsaid`: no rule names `$LINK/`, so that the link's own `accept` decides. */
export type LinkVerdict = 'allowed' | 'denied' | 'unsaid'

/**
 * What was last found out about publishing to one topic, kept beside the topic: most topics have one publisher. It holds for
 * `answeredFor` alone, which is `undefined` before the first question; nobody but a `ClientAccess` looks into it.
 */
export type PublishAnswer = { answeredFor: object | undefined; answerBits: number }

/** One client's rights. Answers are cached, so that asking costs a lookup at most. */
export interface ClientAccess {
  /** Whether nothing outside `$LINK/` and `$SYS/` is forbidden to publish, so that one need not ask. */
  readonly publishesFreely: boolean
  /** For any topic but those under `$LINK/`. `answer` is the topic's own, where there is one. */
  mayPublish(topic: string, qos: QoS, retain: boolean, answer?: PublishAnswer): boolean
  /** For any filter but those under `$LINK/`; of a shared subscription the filter without `$share/group/`. */
  maySubscribe(topicFilter: string, qos: QoS): boolean
  /** For a topic or filter under `$LINK/`. */
  link(action: 'publish' | 'subscribe', topic: string, qos: QoS): LinkVerdict
  /** Lets go of what can be found again: the client has been silent for a while. */
  forget(): void
}

export interface Authorizer {
  /** Whether no rules are configured. */
  readonly isOpen: boolean
  /** What happens to a client that does what it may not, as EMQX's `deny_action`. */
  readonly denyAction: 'ignore' | 'disconnect'
  /** The rights of a client that has just connected; they follow later changes of the rules. */
  accessOf(identity: Identity): ClientAccess
}

const openAccess: ClientAccess = {
  publishesFreely: true,
  mayPublish: () => true,
  maySubscribe: () => true,
  link: () => 'unsaid',
  forget: () => undefined,
}

/** No rules: everything but what `$LINK/` and `$SYS/` keep for themselves. */
export const openAuthorizer: Authorizer = { isOpen: true, denyAction: 'ignore', accessOf: () => openAccess }
