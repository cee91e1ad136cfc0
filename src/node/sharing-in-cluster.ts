/** What the accepting side of links needs of the cluster, which it asks only after the node has joined. */
import type { Broker } from '../broker/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Sender } from '../cluster/coordination.ts'
import type { MarkSharing } from '../link/inbound/mark-sharing.ts'
import type { Sharing } from '../link/inbound/sharing-port.ts'

/** Kind of a question between members. */
const MARKS_QUESTION = 'link.marks'
const MARKS_LEFT = 'link.marks_left'

/** @param joined the cluster; throws before the node has joined it */
export function routeSharing(self: Sender, random: () => number, joined: () => Cluster): Sharing {
  return {
    self,
    maps: {
      own: (name, life) => joined().maps.own(name, life),
      watch: (namePrefix, watcher, options) => joined().maps.watch(namePrefix, watcher, options),
      copy: (name) => joined().maps.copy(name),
      list: () => joined().maps.list(),
      drop: (name) => joined().maps.drop(name),
    },
    isMember: (owner) => joined().isMember(owner),
    onMembers: (listener) => joined().membership.onChange(listener),
    random,
  }
}

/** The same for batches of peers, each of which one node takes. */
export function markSharing(broker: Broker, joined: () => Cluster): MarkSharing {
  return {
    others: () => joined().all(),
    ask: (node, body, timeoutMs) => joined().requests.ask(node, MARKS_QUESTION, body, timeoutMs),
    silentMs: (node) => joined().membership.silentMs(node),
    serve: (answer) => joined().requests.serve(MARKS_QUESTION, (_from, body) => answer(body)),
    leave: (node, body, timeoutMs) => joined().requests.ask(node, MARKS_LEFT, body, timeoutMs),
    inherit: (take) => joined().requests.serve(MARKS_LEFT, async (_from, body) => take(body)),
    onGone: (listener) =>
      joined().membership.onChange(({ type }) => {
        if (type === 'left' || type === 'lost' || type === 'restarted') listener()
      }),
    whenSafe: (call) => broker.fromLinks.whenSafe(call),
  }
}
