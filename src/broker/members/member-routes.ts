/** What the other nodes of the cluster have subscribers for: where it stands in the index, and in the interest that links are told of. */
import type { Interest } from '../sessions/interest.ts'
import { type MemberRoute, reservedNamespace } from '../sessions/subscription.ts'
import type { SubscriptionTable } from '../sessions/subscription-table.ts'

export class MemberRoutes {
  readonly #table: SubscriptionTable
  readonly #interest: Interest
  /** One for each node that has filters, and how many it has. */
  readonly #nodes = new Map<string, { readonly route: MemberRoute; count: number }>()

  constructor(table: SubscriptionTable, interest: Interest) {
    this.#table = table
    this.#interest = interest
  }

  /** The node has ordinary subscribers of this filter, which is a valid one. */
  addRoute(node: string, topicFilter: string): void {
    if (reservedNamespace(topicFilter) !== undefined) return
    const known = this.#nodes.get(node) ?? { route: { kind: 'member', node }, count: 0 }
    if (!this.#table.index.add(topicFilter, known.route)) return
    if (known.count++ === 0) this.#nodes.set(node, known)
    this.#interest.add(topicFilter)
  }

  removeRoute(node: string, topicFilter: string): void {
    const known = this.#nodes.get(node)
    if (known === undefined || !this.#table.index.remove(topicFilter, known.route)) return
    if (--known.count === 0) this.#nodes.delete(node)
    this.#interest.remove(topicFilter)
  }

  /** @param isReady whether one of its members would get a message at once; may be said anew */
  addGroup(node: string, shareName: string, topicFilter: string, isReady: boolean): void {
    if (reservedNamespace(topicFilter) !== undefined) return
    if (this.#table.addGroupNode(node, shareName, topicFilter, isReady)) this.#interest.add(topicFilter)
  }

  removeGroup(node: string, shareName: string, topicFilter: string): void {
    if (this.#table.removeGroupNode(node, shareName, topicFilter)) this.#interest.remove(topicFilter)
  }
}
