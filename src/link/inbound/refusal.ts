/** Why we turned a peer away, for its link's status, for logs, and for the peer itself. */
import { reasonCode } from '../../packets/reason-code.ts'
import type { SpeakerRefusal } from './judge-speaker.ts'

/** The three that EMQX knows, and sends in an ack; and one of ours. */
export type InitRejection =
  | 'unknown_cluster'
  | 'bad_remote_cluster_link_name'
  | 'cluster_link_disabled'
  /** `dialect = native`, and the peer does not greet us in it. */
  | 'native_dialect_required'

/** What ends a route connection. */
export type RouteFault =
  | 'malformed_term'
  /** Of the native dialect. */
  | 'malformed_frame'
  /** An `actor_init` that leaves us no way to answer. */
  | 'no_response_topic'
  | 'actor_init_twice'
  | 'outdated_incarnation'
  | 'routes_before_init'
  /** An operation of another actor or cluster than the one that introduced itself on the connection. */
  | 'another_actor'
  /** Its lease ran out, or its routes went with the link: it has to introduce itself again. */
  | 'actor_unknown'
  | 'too_many_routes'
  | 'too_many_actors'
  /** The link was disabled or deleted while the peer was connected. */
  | 'link_gone'

export type Refusal = {
  readonly atMs: number
  readonly reason: InitRejection | RouteFault | SpeakerRefusal
  /** For people. */
  readonly words: string
  readonly clientId: string
  readonly remoteAddress: string
}

const disconnectCodes: Readonly<Partial<Record<RouteFault, number>>> = {
  too_many_routes: reasonCode.quotaExceeded,
  too_many_actors: reasonCode.quotaExceeded,
  link_gone: reasonCode.administrativeAction,
}

/** What the DISCONNECT says. EMQX says 131 to whatever goes wrong, and the peer starts anew. */
export function disconnectCode(fault: RouteFault): number {
  return disconnectCodes[fault] ?? reasonCode.implementationSpecificError
}

/** Why an actor_init was rejected, for people on our side. */
export function rejectionWords(
  reason: InitRejection,
  sender: string,
  localCluster: string,
  localKnownAs: string | undefined,
): string {
  switch (reason) {
    case 'unknown_cluster':
      return `there is no link to ${sender} here`
    case 'bad_remote_cluster_link_name':
      return `the peer's link calls us ${localKnownAs ?? 'by no name'}, and this is ${localCluster}`
    case 'native_dialect_required':
      return 'the peer does not speak the native dialect, and the link has dialect = native'
    case 'cluster_link_disabled':
    default:
      return `the link to ${sender} is disabled here`
  }
}
