/**
 * One direction of a connection: what one end sends comes to the other in order and exactly, or up to some byte. What is lost on its way
 * is sent again, ever more rarely; what waits behind it waits as well.
 */
import type { SeededRandom } from '../random.ts'
import type { Cancellable, VirtualTime } from '../virtual-time.ts'
import { drawLatency, nextRetransmissionMs } from './latency.ts'
import type { Path } from './path.ts'
import type { TcpEnd } from './tcp-end.ts'

/** What the kernels of both ends together keep of a direction: under way, or not read yet. */
export const KERNEL_BYTES_MAX = 65_536
/** How long a kernel goes on sending what is not acknowledged, milliseconds (Linux: `tcp_retries2`). */
export const GIVE_UP_MS = 924_600
/** Of what is sent at once so much arrives in two parts. */
const CUT_CHANCE = 0.05
/** At most so much later comes the second, milliseconds. */
const CUT_MS_MAX = 2

/** `established`: the last part of the handshake, at which the side that listens hears of the connection. */
type Segment = {
  readonly type: 'established' | 'bytes' | 'fin' | 'reset'
  /** The event in which they were written: neighbours go together. */
  readonly event: number
  pieces: Buffer[]
  length: number
}

export class Pipe {
  readonly sender: TcpEnd
  readonly receiver: TcpEnd
  readonly path: Path
  /** On which acknowledgements come back. */
  readonly back: Path
  readonly #time: VirtualTime
  readonly #random: SeededRandom
  /** In the order in which they were sent. */
  #underWay: Segment[] = []
  #lastArrivalMs = 0
  /** Bytes under way, unread, or read but not acknowledged. */
  #kept = 0
  /** Of those: read, but the acknowledgement was lost. */
  #unacknowledged = 0
  /** Since when something is lost. */
  #lostAtMs: number | undefined
  #retransmission: Cancellable | undefined
  #givingUp: Cancellable | undefined
  #isRoomPromised = false
  /** Nobody is left who would send again what is lost. */
  #isOrphan = false
  #isOver = false

  constructor(
    sender: TcpEnd,
    receiver: TcpEnd,
    [path, back]: readonly [Path, Path],
    time: VirtualTime,
    random: SeededRandom,
  ) {
    this.sender = sender
    this.receiver = receiver
    this.path = path
    this.back = back
    this.#time = time
    this.#random = random
    path.pipes.add(this)
  }

  /** Bytes that may be sent now. */
  get room(): number {
    return KERNEL_BYTES_MAX - this.#kept
  }

  // ---- from the sender

  /** @param bytes no more than there is room for; the sender may change them afterwards */
  sendBytes(bytes: Buffer): void {
    if (bytes.length === 0) return
    const copy = Buffer.from(bytes)
    this.#kept += copy.length
    const last = this.#underWay.at(-1)
    if (last?.type === 'bytes' && last.event === this.#time.events) {
      last.pieces.push(copy)
      last.length += copy.length
    } else this.#send('bytes', [copy], copy.length)
  }

  /** Tells the side that listens that the connection is there. */
  sendEstablished(): void {
    this.#send('established')
  }

  /** There will be no more bytes. */
  sendFin(): void {
    this.#send('fin')
  }

  /** What is under way may still arrive; it is told once and never again. */
  sendReset(): void {
    if (this.path.isSilent) return this.#forget()
    if (this.#lostAtMs !== undefined) this.#forget()
    this.#send('reset')
  }

  /** Somebody between the ends resets the connection: a part of what is under way still arrives, up to any byte. */
  cutOff(): void {
    if (this.#lostAtMs !== undefined) this.#forget()
    this.#truncate()
    this.#plan({ type: 'reset', event: this.#time.events, pieces: [], length: 0 })
  }

  /** The sender's machine is gone: what was lost on its way is not sent again. */
  senderVanished(): void {
    this.#isOrphan = true
    if (this.#lostAtMs !== undefined) this.#forget()
  }

  #send(type: Segment['type'], pieces: Buffer[] = [], length = 0): void {
    if (this.#isOver) return
    const segment = { type, event: this.#time.events, pieces, length }
    if (this.#lostAtMs === undefined && !this.path.isSilent) return this.#plan(segment)
    this.#underWay.push(segment)
    this.#lost()
  }

  #plan(segment: Segment): void {
    this.#underWay.push(segment)
    this.#arriveIn(segment, drawLatency(this.path.latency, this.#random))
  }

  #arriveIn(segment: Segment, ms: number): void {
    const { nowMs } = this.#time
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, nowMs + ms)
    this.#time.after(this.#lastArrivalMs - nowMs, () => this.#arrives(segment))
  }

  #truncate(): void {
    const bytes = this.#underWay.reduce((sum, { length }) => sum + length, 0)
    let left = this.#random.int(0, bytes)
    const kept: Segment[] = []
    for (const segment of this.#underWay) {
      if (segment.type === 'fin' || segment.length > left) {
        if (left > 0) kept.push(segment)
        takeFrom(segment, left)
        break
      }
      left -= segment.length
      kept.push(segment)
    }
    this.#underWay = kept
  }

  // ---- at the receiver

  #arrives(segment: Segment): void {
    // It came with what was sent again, or never will.
    if (!this.#underWay.includes(segment) || this.#lostAtMs !== undefined) return
    if (segment.type !== 'reset' && !this.#isPassable) return this.#lost()
    if (segment.length > 1 && this.#random.chance(CUT_CHANCE)) return this.#arrivesInTwo(segment)
    this.#deliverThrough(segment)
  }

  /** Somebody hears what is sent; or, where nobody is any more, the sender would hear of that. */
  get #isPassable(): boolean {
    return !this.path.isSilent && !(this.receiver.isGone && this.back.isSilent)
  }

  #arrivesInTwo(segment: Segment): void {
    const { type, event } = segment
    const rest = takeFrom(segment, this.#random.int(1, segment.length - 1))
    const later = { type, event, pieces: [rest], length: rest.length }
    const at = this.#underWay.indexOf(segment)
    this.#underWay.splice(at + 1, 0, later)
    this.#arriveIn(later, this.#random.between(0, CUT_MS_MAX))
    this.#deliverThrough(segment)
  }

  /** All up to this one, since they keep their order. */
  #deliverThrough(last: Segment | undefined): void {
    for (;;) {
      const segment = this.#underWay.shift()
      if (segment === undefined) return
      this.#deliver(segment)
      if (segment === last) return
    }
  }

  #deliver({ type, pieces, length }: Segment): void {
    if (type === 'established') this.receiver.established()
    else if (type === 'bytes') this.receiver.bytesArrived(pieces, length)
    else if (type === 'fin') this.receiver.finArrived()
    else this.receiver.failed('ECONNRESET')
  }

  /** The receiver's process has taken so many bytes. */
  wasRead(bytes: number): void {
    if (this.back.isSilent) {
      this.#unacknowledged += bytes
      this.#planGivingUp()
    } else this.#free(bytes)
  }

  #free(bytes: number): void {
    this.#kept -= bytes
    if (!this.sender.isWaitingForRoom || this.#isRoomPromised) return
    this.#isRoomPromised = true
    this.#time.after(drawLatency(this.back.latency, this.#random), () => {
      this.#isRoomPromised = false
      this.sender.hasRoom()
    })
  }

  // ---- what was lost

  #lost(): void {
    if (this.#isOrphan) return this.#forget()
    this.#lostAtMs ??= this.#time.nowMs
    this.#planGivingUp()
  }

  #planGivingUp(): void {
    this.#givingUp ??= this.#time.after(GIVE_UP_MS, () => this.sender.failed('ETIMEDOUT'))
  }

  /** The way there, or the way back, is free again. */
  mended(): void {
    if (this.#unacknowledged > 0 && !this.back.isSilent) {
      const bytes = this.#unacknowledged
      this.#unacknowledged = 0
      this.#free(bytes)
      if (this.#lostAtMs === undefined) this.#progressed()
    }
    if (this.#lostAtMs === undefined || !this.#isPassable) return
    const atMs = nextRetransmissionMs(this.#lostAtMs, this.#time.nowMs)
    this.#retransmission ??= this.#time.after(atMs - this.#time.nowMs, () => this.#sendAgain())
  }

  #sendAgain(): void {
    this.#retransmission = undefined
    if (this.#lostAtMs === undefined || !this.#isPassable) return
    this.#lostAtMs = undefined
    if (this.#unacknowledged === 0) this.#progressed()
    this.#deliverThrough(this.#underWay.at(-1))
  }

  #progressed(): void {
    this.#givingUp?.cancel()
    this.#givingUp = undefined
  }

  #forget(): void {
    this.#underWay = []
    this.#lostAtMs = undefined
    this.#retransmission?.cancel()
    this.#retransmission = undefined
    this.#progressed()
  }

  /** Neither end is there any more. */
  close(): void {
    this.#isOver = true
    this.#forget()
    this.path.pipes.delete(this)
  }
}

/** Leaves so many bytes in it, and returns the others. */
function takeFrom(segment: Segment, length: number): Buffer {
  const whole = segment.pieces.length === 1 ? segment.pieces[0]! : Buffer.concat(segment.pieces)
  segment.pieces = length === 0 ? [] : [whole.subarray(0, length)]
  segment.length = length
  return whole.subarray(length)
}
