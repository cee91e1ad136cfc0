/** Where we answer the hand-made dialler otherwise than the real EMQX did, in the order of the recording. */
import type { Deviation } from './replay.ts'

const resp = '$LINK/cluster/resp/cl.c/n1'
const ownAckOnly =
  'EMQX publishes an ack to whoever subscribed to its topic; ours goes to the connection that asked, so that another cannot read it'

export const deviations: readonly Deviation[] = [
  {
    where: 'raw_init_actor_atom 14',
    because: 'an atom is no name: EMQX takes any term for an actor, and no EMQX sends one that is not a binary',
    ours: ['SUBACK 2 1', 'DISCONNECT 131'],
  },
  {
    where: 'raw_unsafe_atom 28',
    because: 'EMQX must guard its atom table; here an atom is only a text, under a key that nobody reads',
    ours: ['SUBACK 2 1', 'PUBACK 3 16', `PUBLISH ${resp} need_bootstrap false`],
  },
  {
    where: 'raw_two_conns 29',
    because: ownAckOnly,
    ours: ['SUBACK 2 1', 'PUBACK 3 16', `PUBLISH ${resp} need_bootstrap false`, 'PUBACK 4 16'],
  },
  {
    where: 'raw_two_conns 30',
    because: ownAckOnly,
    ours: ['SUBACK 2 1', 'PUBACK 3 16', `PUBLISH ${resp} need_bootstrap false`, 'PUBACK 5 16'],
  },
  {
    where: 'raw_two_conns_newer 31',
    because: ownAckOnly,
    ours: ['SUBACK 2 1', 'PUBACK 3 16', `PUBLISH ${resp} need_bootstrap false`, 'DISCONNECT 131'],
  },
  {
    where: 'raw_two_conns_newer 32',
    because: ownAckOnly,
    ours: ['SUBACK 2 1', 'PUBACK 3 16', `PUBLISH ${resp} need_bootstrap true`],
  },
  {
    where: 'raw_fwd_bad_etf 54',
    because: "EMQX's hook crashes and the packet leaks to local subscribers of $LINK/#; we say Payload Format Invalid",
    ours: ['PUBACK 2 153'],
  },
  {
    where: 'raw_fwd_unknown_cluster 55',
    because: "EMQX's hook crashes and the packet leaks; a cluster that we have no link to is not authorized",
    ours: ['PUBACK 2 135'],
  },
  {
    where: 'raw_fwd_wild_topic 61',
    because: "EMQX's connection process crashes; one bad message is no reason to end a peer's connection",
    ours: ['PUBACK 2 144'],
  },
  {
    where: 'raw_fwd_other_link_topic 62',
    because: 'EMQX publishes what it does not know under $LINK/ as an ordinary message; the namespace is terminal',
    ours: ['PUBACK 2 135'],
  },
]
