/** The Topic Aliases that a client sets on one connection (MQTT 5, 3.3.2.3.4). */
import { withoutAlias } from '../../packets/publish-form.ts'
import type { PublishView } from '../../packets/publish-view.ts'
import { PacketFault, reasonCode } from '../../packets/reason-code.ts'

/** Memory that one client may have us keep for its aliases, bytes of topics. */
const ALIASES_BYTES_MAX = 1_048_576

export class TopicAliases {
  readonly #topics = new Map<number, Buffer>()
  #bytes = 0

  /** The topic of a PUBLISH that has nothing but an alias; `undefined` if there is none. */
  known({ topicAlias, topicLength }: PublishView): Buffer | undefined {
    return topicLength > 0 ? undefined : this.#topics.get(topicAlias)
  }

  /**
   * Puts the topic back into a PUBLISH that has an alias, and remembers it if it is new. Throws `PacketFault`.
   * @param aliasMax highest alias that we allow
   */
  resolve(view: PublishView, aliasMax: number): void {
    const { topicAlias } = view
    if (topicAlias > aliasMax)
      throw new PacketFault(reasonCode.topicAliasInvalid, `Topic Alias ${topicAlias}, the maximum is ${aliasMax}`)
    let topic = this.#topics.get(topicAlias)
    if (view.topicLength > 0) {
      this.#bytes += view.topicLength - (topic?.length ?? 0)
      if (this.#bytes > ALIASES_BYTES_MAX)
        throw new PacketFault(reasonCode.quotaExceeded, `topics behind aliases of more than ${ALIASES_BYTES_MAX} bytes`)
      topic = Buffer.from(view.buffer.subarray(view.topicStart, view.topicEnd))
      this.#topics.set(topicAlias, topic)
    } else if (topic === undefined)
      throw new PacketFault(reasonCode.protocolError, `Topic Alias ${topicAlias} was never set`)
    withoutAlias(view, topic)
  }
}
