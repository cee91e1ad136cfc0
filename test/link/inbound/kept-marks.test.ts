/** A receiver that starts again with what its former process wrote down of a peer's batches. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KeptMarks } from '../../../src/lanes/high-water-marks.ts'
import type { InboundMarks } from '../../../src/link/inbound/inbound-ports.ts'
import { batchOf, NativeNode } from './batches.ts'

const topic = '$LINK/cluster/msg/far'

/** What is on the disk of one node of the peer, to be found once. */
class Found implements InboundMarks {
  #found: KeptMarks | undefined
  forgotten = 0

  constructor(found: KeptMarks) {
    this.#found = found
  }

  claim(): KeptMarks | undefined {
    const found = this.#found
    this.#found = undefined
    return found
  }

  keep(): { touch(): void } {
    return { touch: () => undefined }
  }

  forget(): void {
    this.forgotten += 1
  }
}

const found = (): Found =>
  new Found({
    lanes: [{ epoch: 7, lane: 0, sequence: 4, isSure: false }],
    underWay: { epoch: 7, lane: 0, sequence: 5, taken: 2 },
  })

const names = ['t/1', 't/2', 't/3', 't/4']

test('a batch that was taken is known, of one that was being taken the rest is, and only what left no trace is in doubt', async (t) => {
  const marks = found()
  const node = await NativeNode.start(t, { link: { durable: true }, ports: { keptMarks: () => marks } })
  const reader = await node.started.client('reader', 5)
  reader.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 't/#', qos: 1 }] })
  await reader.next('suback')
  const { client: peer } = await node.peer()
  const send = async (sequence: number, messageId: number): Promise<void> => {
    const payload = batchOf(
      { sequence, isResent: true },
      names.map((name) => ({ topic: name })),
    )
    peer.send({ cmd: 'publish', topic, payload, qos: 1, messageId, dup: false, retain: false })
    await peer.next('puback')
  }
  const come = async (count: number): Promise<string[]> => {
    const topics: string[] = []
    while (topics.length < count) topics.push((await reader.next('publish')).topic)
    return topics
  }
  await send(4, 1)
  assert.deepEqual(node.account, { duplicate: 4 })
  await send(5, 2)
  assert.deepEqual(await come(2), ['t/3', 't/4'])
  // The reader has no kept session: the former process may have given it to one that is gone.
  assert.deepEqual(node.account, { accepted: 2, duplicate: 6, maybe_duplicate: 2 })
  await send(6, 3)
  assert.deepEqual(await come(4), names)
  assert.deepEqual(node.account, { accepted: 6, duplicate: 6, maybe_duplicate: 6 })
})

test('a link that is not durable any more knows nothing, and leaves nothing', async (t) => {
  const marks = found()
  const node = await NativeNode.start(t, { ports: { keptMarks: () => marks, links: () => ['far'] } })
  node.setLink({ durable: false })
  assert.ok(marks.forgotten > 0)
})
