/** What hooks are told of one connected client. There is none where no hook asks for it. */
import type { PublishForm } from '../../packets/publish-form.ts'
import { readProperties } from '../../packets/publication.ts'
import type { PublishView } from '../../packets/publish-view.ts'
import type { SubscriptionOptions } from '../sessions/subscription.ts'
import type { HookClient, SentMessage } from './hook.ts'
import type { NodeHooks } from './node-hooks.ts'

const LINK = Buffer.from('$LINK/')

export class ClientTap {
  readonly #hooks: NodeHooks
  readonly #client: HookClient
  /** By packet identifier; as many as the client may have unacknowledged. */
  readonly #unacknowledged: Map<number, SentMessage> | undefined
  readonly #seesSent: boolean

  constructor(hooks: NodeHooks, client: HookClient) {
    this.#hooks = hooks
    this.#client = client
    if (hooks.has('message.acked')) this.#unacknowledged = new Map()
    this.#seesSent = this.#unacknowledged !== undefined || hooks.has('message.delivered')
  }

  connected(): void {
    this.#hooks.tell('client.connected', this.#client)
  }

  /** @param reasonCode that one side gave; `undefined` where the connection just broke */
  disconnected(reasonCode: number | undefined): void {
    this.#unacknowledged?.clear()
    this.#hooks.tell('client.disconnected', this.#client, reasonCode)
  }

  /** @param name as the client wrote it, `$share/...` included */
  subscribed(name: string, options: SubscriptionOptions): void {
    this.#hooks.tell('session.subscribed', this.#client, name, options)
  }

  unsubscribed(name: string): void {
    this.#hooks.tell('session.unsubscribed', this.#client, name)
  }

  /** It was sent what the view shows in this form. What links say to each other is none of the hooks' business. */
  sent(view: PublishView, form: PublishForm): void {
    if (!this.#seesSent) return
    const { buffer, topicStart, topicEnd } = view
    if (LINK.compare(buffer, topicStart, Math.min(topicEnd, topicStart + LINK.length)) === 0) return
    const message: SentMessage = {
      topic: buffer.toString('utf8', topicStart, topicEnd),
      payload: Buffer.from(buffer.subarray(view.payloadStart, view.end)),
      qos: form.qos,
      retain: form.retain,
      properties: view.v5 ? readProperties(view) : undefined,
      dup: form.dup,
    }
    if (form.qos > 0) this.#unacknowledged?.set(form.packetId, message)
    this.#hooks.tell('message.delivered', this.#client, message)
  }

  /** PUBACK or PUBCOMP came, for something that waited for it. */
  acknowledged(packetId: number): void {
    const message = this.#unacknowledged?.get(packetId)
    if (message === undefined) return
    this.#unacknowledged?.delete(packetId)
    this.#hooks.tell('message.acked', this.#client, message)
  }
}
