/**
 * One direction of a TCP connection: what is sent arrives in its order, each after its latency. While the network between its ends is
 * silent it waits, as TCP's retransmissions do, and comes when the network is back; unless an end gave it up.
 */
import type { SeededRandom } from '../random.ts'
import type { VirtualTime } from '../virtual-time.ts'

export type PipePorts = {
  readonly time: VirtualTime
  readonly random: SeededRandom
  readonly latencyMs: () => number
  /** After so long a silence nothing of what waited comes any more. */
  readonly silenceMsMax: number
}

type Sent = { readonly arrive: () => void; readonly bytes: number }

/** What waits beyond this is dropped, as both ends of a connection to NATS do. */
const WAITING_BYTES_MAX = 67_108_864
/** The longest that TCP waits before it tries again, of all for which there is a use here. */
const RETRANSMIT_MS_MAX = 3000

export class Pipe {
  readonly #ports: PipePorts
  #lastMs = 0
  /** What is sent later than this does not arrive. */
  #endMs = Number.POSITIVE_INFINITY
  #silentSinceMs: number | undefined
  #isRetransmitting = false
  readonly #waiting: Sent[] = []
  #waitingBytes = 0

  constructor(ports: PipePorts) {
    this.#ports = ports
  }

  /** Whether what is sent now comes at once. */
  get isFlowing(): boolean {
    return this.#silentSinceMs === undefined && !this.#isRetransmitting
  }

  /** Each arrival is an event of its own. */
  send(arrive: () => void, bytes = 0): void {
    const { time, latencyMs } = this.#ports
    this.#lastMs = Math.max(this.#lastMs, time.nowMs + latencyMs())
    time.after(this.#lastMs - time.nowMs, () => this.#arrive({ arrive, bytes }))
  }

  setSilent(isSilent: boolean): void {
    if (isSilent === (this.#silentSinceMs !== undefined)) return
    if (isSilent) {
      this.#silentSinceMs = this.#ports.time.nowMs
      return
    }
    this.#resume()
  }

  /** Nothing more is sent. Of what is on its way some still arrives, or nothing if it is over `at_once`. */
  reset(when: 'at_once' | 'soon'): void {
    const { time, random, latencyMs } = this.#ports
    const endMs = when === 'soon' ? time.nowMs + random.next() * latencyMs() : Number.NEGATIVE_INFINITY
    this.#endMs = Math.min(this.#endMs, endMs)
    this.#forget()
  }

  #arrive(sent: Sent): void {
    if (this.#ports.time.nowMs > this.#endMs) return
    if (this.isFlowing) return sent.arrive()
    if (this.#waitingBytes + sent.bytes > WAITING_BYTES_MAX) return
    this.#waitingBytes += sent.bytes
    this.#waiting.push(sent)
  }

  /** TCP doubles its waits: the longer it was silent, the longer until it tries again. */
  #resume(): void {
    const { time, random, silenceMsMax } = this.#ports
    const silentMs = time.nowMs - (this.#silentSinceMs ?? time.nowMs)
    this.#silentSinceMs = undefined
    if (silentMs > silenceMsMax) this.#forget()
    if (this.#isRetransmitting) return
    this.#isRetransmitting = true
    time.after(random.next() * Math.min(silentMs, RETRANSMIT_MS_MAX), () => this.#next())
  }

  #next(): void {
    this.#isRetransmitting = this.#silentSinceMs === undefined
    if (!this.#isRetransmitting) return
    const sent = this.#waiting.shift()
    if (sent === undefined) {
      this.#isRetransmitting = false
      return
    }
    this.#waitingBytes -= sent.bytes
    this.#ports.time.after(0, () => this.#next())
    sent.arrive()
  }

  #forget(): void {
    this.#waiting.length = 0
    this.#waitingBytes = 0
  }
}
