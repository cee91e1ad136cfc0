/** A batch for a node that is away, without what others are to do in its place. */
import type { Publication } from '../../packets/publication.ts'
import { PublishView } from '../../packets/publish-view.ts'
import { BatchWriter, type Directive } from './batch-writer.ts'
import { readBatch } from './read-batch.ts'

/** A message with the shared subscriptions that were taken from it. */
export type TakenGroups = { readonly publication: Publication; readonly directive: Directive }

const view = new PublishView()

/**
 * Takes shared subscriptions out of a batch that was written here: `frame` has the same messages, and no number yet. `undefined` if
 * there is nothing to take.
 * @param isTaken whether a shared subscription, by its key, goes
 */
export function takeGroups(
  frame: Buffer,
  epoch: number,
  isTaken: (group: string) => boolean,
): { readonly frame: Buffer; readonly taken: readonly TakenGroups[] } | undefined {
  const batch = readBatch(frame)
  if (batch.type === 'malformed') throw new Error(`a batch that was written here can't be read: ${batch.reason}`)
  const { publications, directives } = batch
  const taken: TakenGroups[] = []
  const writer = new BatchWriter()
  for (let i = 0; i < publications.length; i += 1) {
    const publication = publications[i]!
    const { plain, groups } = directives[i]!
    const gone = groups.filter(isTaken)
    if (gone.length > 0) taken.push({ publication, directive: { plain: false, groups: gone } })
    const { publisher, origin, receivedAtMs } = publication
    publication.show(view)
    const expirySeconds = publication.expirySecondsLeft(receivedAtMs)
    const stay = gone.length === 0 ? groups : groups.filter((group) => !gone.includes(group))
    writer.add({ view, publisher, origin, nowMs: receivedAtMs, expirySeconds }, { plain, groups: stay })
  }
  return taken.length === 0 ? undefined : { frame: writer.finish(epoch), taken }
}
