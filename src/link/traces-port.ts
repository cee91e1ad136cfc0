/** What links tell whoever follows messages: that they have crossed. */
import type { Message } from '../packets/message.ts'

export interface CrossingTraces {
  /**
   * A batch was acknowledged, or sent if it is of QoS 0.
   * @param frame of `lanes/batches/link-frame.ts`, not compressed; only valid during the call
   */
  batchCrossed(link: string, frame: Buffer): void
  /** The same for one message, in EMQX's dialect. */
  messageCrossed(link: string, message: Message): void
}
