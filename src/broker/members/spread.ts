/** Copies of one message for other nodes: each gets one, with all that it is to do with it. */
import type { Logger } from '../logger.ts'
import type { Counters } from '../counters.ts'
import type { Directive, Members } from '../members-port.ts'
import type { Passing } from '../sessions/passing.ts'
import type { ShareGroup } from '../sessions/subscription.ts'
import { writeGroupKey } from './group-key.ts'

const none: readonly never[] = []
const plainOnly: Directive = { plain: true, groups: none }
const retainOnly: Directive = { plain: false, groups: none }

export class Spread {
  members: Members | undefined
  /** The highest mark that a copy was given. Whoever compares it before and after knows whether something is to be waited for. */
  mark = 0
  readonly #counters: Counters
  readonly #log: Logger
  /** Of the message at hand: groups that another node is to serve, by that node. */
  readonly #groups = new Map<string, string[]>()

  constructor(counters: Counters, log: Logger) {
    this.#counters = counters
    this.#log = log
  }

  /** Whether another node is to serve a group of the message at hand. */
  get hasGroups(): boolean {
    return this.#groups.size > 0
  }

  /**
   * Leaves the message at hand to another node with members of the group: one that is ready, or any. Returns whether there is one;
   * `send` sends it then.
   */
  leave(group: ShareGroup, who: 'ready' | 'any'): boolean {
    const node = this.members === undefined ? undefined : group.chooseNode(none, who)
    if (node === undefined) return false
    const keys = this.#groups.get(node)
    if (keys === undefined) this.#groups.set(node, [group.key])
    else keys.push(group.key)
    return true
  }

  /**
   * Hands a message to another node with members of the group, but to none of those that were tried. Returns whether there is one.
   * It may happen while another message is at hand.
   */
  handOn(passing: Passing, group: ShareGroup, tried: readonly string[], who: 'ready' | 'any'): boolean {
    const { members } = this
    const node = members === undefined ? undefined : group.chooseNode(tried, who)
    if (members === undefined || node === undefined) return false
    const groups = [writeGroupKey(group.key, [...tried, node])]
    this.#sendTo(members, node, passing, { plain: false, groups })
    return true
  }

  /**
   * Sends a copy to these nodes, which have ordinary subscribers, and to those that groups were left to.
   * @param isRetained whether all other nodes are to have it, too
   */
  send(passing: Passing, nodes: readonly string[], isRetained: boolean): void {
    const { members } = this
    if (members === undefined) return
    for (let i = 0; i < nodes.length; i++) {
      const groups = this.#groups.size === 0 ? undefined : this.#groups.get(nodes[i]!)
      this.#sendTo(members, nodes[i]!, passing, groups === undefined ? plainOnly : { plain: true, groups })
    }
    if (this.#groups.size > 0)
      for (const [node, groups] of this.#groups)
        if (!nodes.includes(node)) this.#sendTo(members, node, passing, { plain: false, groups })
    if (isRetained)
      for (const node of members.all())
        if (!nodes.includes(node) && !this.#groups.has(node)) this.#sendTo(members, node, passing, retainOnly)
    this.#groups.clear()
  }

  #sendTo(members: Members, node: string, passing: Passing, directive: Directive): void {
    try {
      this.#counters.sentToMembers++
      const mark = members.send(node, passing, directive)
      if (mark > this.mark) this.mark = mark
    } catch (error) {
      // What fails towards one node takes neither the publisher nor other subscribers with it.
      this.#log.error({ err: error, node, topic: passing.topic }, 'cluster_member_send_failed')
    }
  }
}
