/** Two clients that do nothing wrong. Whatever others do, what the one says reaches the other: all of it, once, in order. */
import assert from 'node:assert/strict'
import type { RawClient } from '../broker/raw-client.ts'
import { publish, type TestBroker } from '../broker/test-broker.ts'

const TOPIC = 'neighbours/talk'

export class Neighbours {
  readonly #speaker: RawClient
  readonly #listener: RawClient
  #said = 0

  private constructor(speaker: RawClient, listener: RawClient) {
    this.#speaker = speaker
    this.#listener = listener
  }

  static async meet(broker: TestBroker): Promise<Neighbours> {
    const listener = await broker.subscriber('neighbour-listener', [TOPIC])
    return new Neighbours(await broker.client('neighbour-speaker'), listener)
  }

  /** So many messages at QoS 1, each of which must arrive and be acknowledged before this resolves. */
  async talk(count = 1): Promise<void> {
    const first = this.#said
    for (; this.#said < first + count; this.#said++)
      this.#speaker.send(publish(TOPIC, String(this.#said), { qos: 1, messageId: (this.#said % 65_535) + 1 }))
    for (let expected = first; expected < this.#said; expected++) {
      const { payload, messageId } = await this.#listener.next('publish')
      assert.equal(String(payload), String(expected))
      this.#listener.send({ cmd: 'puback', messageId: messageId! })
      await this.#speaker.next('puback')
    }
  }

  /** Nothing came twice and nothing came that nobody said. */
  async partInPeace(): Promise<void> {
    await this.talk()
    await this.#listener.nothingMore()
    await this.#speaker.nothingMore()
  }
}
