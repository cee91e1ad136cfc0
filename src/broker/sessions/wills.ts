/** Wills of clients that are gone: published when they are due, or as soon as it is known who wants them. */
import { Publication } from '../../packets/publication.ts'
import type { Clock } from '../clock.ts'
import type { NodeHooks } from '../hooks/node-hooks.ts'
import type { Logger } from '../logger.ts'
import type { Session } from './session.ts'

export type WillPorts = {
  readonly clock: Pick<Clock, 'nowMs'>
  readonly log: Logger
  readonly hooks: () => NodeHooks | undefined
  /** Publishes what hooks made of a will, which is nothing if they dropped it. */
  readonly publish: (will: Publication, hooked: Publication | undefined) => void
}

export class Wills {
  readonly #ports: WillPorts
  /** Sessions whose wills are due. */
  #held: Session[] | undefined

  constructor(ports: WillPorts) {
    this.#ports = ports
  }

  /** They wait from now on. */
  hold(): void {
    this.#held ??= []
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const session of held) this.publish(session)
  }

  /** That of this session is due. Takes it off the session. */
  publish(session: Session): void {
    if (this.#held !== undefined) return void this.#held.push(session)
    const { will } = session
    session.will = undefined
    if (will === undefined) return
    session.stored?.changed()
    // It is published now: until now its life had not begun (MQTT 5, 3.1.3.2.4).
    const nowMs = this.#ports.clock.nowMs()
    const { topic, bytes, publisher } = will.publication
    const publication = Publication.read(topic, bytes, publisher, nowMs, undefined)
    const hooks = this.#ports.hooks()?.publish
    const hooked = hooks === undefined ? publication : hooks.run(publication)
    if (hooked instanceof Promise) void this.#publishWhenHooked(publication, hooked)
    else this.#ports.publish(publication, hooked)
  }

  async #publishWhenHooked(will: Publication, hooked: Promise<Publication | undefined>): Promise<void> {
    try {
      this.#ports.publish(will, await hooked)
    } catch (error) {
      this.#ports.log.error({ err: error, clientid: will.publisher.clientId }, 'will_publish_failed')
    }
  }
}
