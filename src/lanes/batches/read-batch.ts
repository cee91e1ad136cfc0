/**
 * Reads a batch that `BatchWriter` wrote, all of it before anything of it is done: a batch is taken as a whole or not at all.
 * The messages stay where they lie in the frame.
 */
import { Publication, type Publisher } from '../../packets/publication.ts'
import { PublishView } from '../../packets/publish-view.ts'
import { PacketFault } from '../../packets/reason-code.ts'
import { decodeTopicName } from '../../topics/topic-bytes.ts'
import type { Directive } from './batch-writer.ts'
import { BATCH_MESSAGES_MAX, BATCH_TABLES_AT, RUN_FLAGS_MAX, runFlag } from './lane-frame.ts'
import { PackReader } from '../../packets/pack-reader.ts'

export type ReadBatch =
  | {
      readonly type: 'messages'
      /** In the order in which they were sent. They borrow the memory of the frame (`Publication.own`). */
      readonly publications: readonly Publication[]
      /** One for each of them. */
      readonly directives: readonly Directive[]
    }
  | { readonly type: 'malformed'; readonly reason: string }

const noGroups: readonly string[] = []
const plainOnly: Directive = { plain: true, groups: noGroups }
const retainOnly: Directive = { plain: false, groups: noGroups }
/** Array marker, ClientID and two nils. */
const PUBLISHER_BYTES_MIN = 4

const header = new PackReader()
const runs = new PackReader()
const view = new PublishView()

class Malformed extends Error {}

/**
 * Of a frame that `readLaneFrame` calls a batch, or of any bytes in which publishers, names, runs and messages follow each other to
 * their end. Never throws for what they hold.
 */
export function readBatch(frame: Buffer, tablesAt = BATCH_TABLES_AT): ReadBatch {
  try {
    return readMessages(frame, tablesAt)
  } catch (error) {
    if (error instanceof PacketFault || error instanceof Malformed) return { type: 'malformed', reason: error.message }
    throw error
  }
}

function readMessages(frame: Buffer, tablesAt: number): ReadBatch {
  header.show(frame, tablesAt, frame.length)
  const publishers = readPublishers()
  const names = readNames()
  const runsBytes = header.binary()
  if (header.isBroken) throw new Malformed('the header is not what it should be')
  runs.show(frame, header.at - runsBytes, header.at)
  const publications: Publication[] = []
  const directives: Directive[] = []
  let at = header.at
  let timeMs = 0
  while (runs.at < runs.end) {
    const flags = runs.byte()
    const count = runs.varint()
    const publisher = publishers[runs.varint()]
    const difference = runs.varint()
    timeMs += difference % 2 === 0 ? difference / 2 : -(difference + 1) / 2
    const origin = flags & runFlag.origin ? nameOf(names) : undefined
    const directive = readDirective(flags, names)
    if (publications.length + count > BATCH_MESSAGES_MAX) throw new Malformed('too many messages')
    if (runs.isBroken || flags > RUN_FLAGS_MAX || count === 0 || publisher === undefined || !isTime(timeMs))
      throw new Malformed('a run is not what it should be')
    for (let i = 0; i < count; i += 1) {
      at = showPacket(frame, at, (flags & runFlag.v5) !== 0)
      const topic = decodeTopicName(frame, view.topicStart, view.topicEnd)
      if (topic === undefined || view.topicAlias > 0) throw new Malformed('a message without a topic name')
      publications.push(Publication.borrow(topic, view, publisher, timeMs, origin))
      directives.push(directive)
    }
  }
  if (at !== frame.length) throw new Malformed(`${frame.length - at} bytes after the last message`)
  return { type: 'messages', publications, directives }
}

function readPublishers(): Publisher[] {
  const found: Publisher[] = []
  const count = header.array(PUBLISHER_BYTES_MIN)
  if (count > BATCH_MESSAGES_MAX) throw new Malformed('more publishers than messages')
  for (let i = 0; i < count; i += 1) {
    if (header.array(1) !== 3) throw new Malformed('a publisher is not what it should be')
    found.push({ clientId: header.text(), username: header.textOrNil(), peerHost: header.textOrNil() })
  }
  return found
}

function readNames(): string[] {
  const found: string[] = []
  const count = header.array(1)
  for (let i = 0; i < count; i += 1) found.push(header.text())
  return found
}

function readDirective(flags: number, names: readonly string[]): Directive {
  const plain = (flags & runFlag.plain) !== 0
  if (!(flags & runFlag.groups)) return plain ? plainOnly : retainOnly
  const count = runs.varint()
  if (count === 0 || count > runs.end - runs.at) throw new Malformed('groups are missing')
  const groups: string[] = []
  for (let i = 0; i < count; i += 1) groups.push(nameOf(names))
  return { plain, groups }
}

function nameOf(names: readonly string[]): string {
  const name = names[runs.varint()]
  if (name === undefined) throw new Malformed('a name is missing')
  return name
}

function isTime(ms: number): boolean {
  return ms >= 0 && Number.isSafeInteger(ms)
}

/** Makes the view show the packet at `at`. Returns the index after it. */
function showPacket(frame: Buffer, at: number, v5: boolean): number {
  let body = at + 1
  let length = 0
  for (let shift = 0; ; shift += 7) {
    const byte = frame[body++]
    if (byte === undefined || shift > 21) throw new Malformed('a message ends too early')
    length |= (byte & 127) << shift
    if (byte < 128) break
  }
  const end = body + length
  if (end > frame.length) throw new Malformed('a message ends too early')
  if (frame[at]! >> 4 !== 3) throw new Malformed('a packet that is no PUBLISH')
  if (frame[at]! & 8) throw new Malformed('a message with DUP set')
  view.read(frame, at, body, end, v5)
  return end
}
