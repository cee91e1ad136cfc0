/** A retained message on its way to a peer: as of the time at which it was published, whatever was left of its life since. */
import type { Directive, LaneMessage } from '../../lanes/batches/batch-writer.ts'
import type { Publication, Publisher } from '../../packets/publication.ts'
import { PublishView } from '../../packets/publish-view.ts'

/** Says that the message was not published just now, but is told because a route appeared. */
export const toldDirective: Directive = { plain: false, groups: [] }

/** Shows one after the other; valid until the next one is shown. */
export class ToldMessage implements LaneMessage {
  readonly view = new PublishView()
  publisher: Publisher = { clientId: '', username: undefined, peerHost: undefined }
  nowMs = 0
  expirySeconds = 0
  origin: string | undefined

  show(publication: Publication): this {
    publication.show(this.view)
    this.publisher = publication.publisher
    this.nowMs = publication.receivedAtMs
    this.expirySeconds = this.view.messageExpiryInterval
    this.origin = publication.origin
    return this
  }
}
