/**
 * One end of a connection, as the kernel of its machine keeps it: it lives on while the process is stopped, and is closed for it when it
 * dies. The process reads and writes; what it has not read yet waits here, and what the other side does not take waits, too.
 */
import type { ProcessTurns } from '../process-turns.ts'
import type { VirtualTime } from '../virtual-time.ts'
import type { Host } from './path.ts'
import type { Pipe } from './pipe.ts'

/** What the process is told, each in a turn of its own. */
export interface EndOwner {
  /** Only at the side that listens, before everything else. */
  established(): void
  /** Bytes that are the owner's from now on. */
  received(chunk: Buffer): void
  /** The other side sends no more. */
  ended(): void
  /** The connection broke. The last call. */
  broken(code: 'ECONNRESET' | 'ETIMEDOUT'): void
}

type Write = { bytes: Buffer; readonly taken: (() => void) | undefined }

export class TcpEnd {
  readonly host: Host
  readonly port: number
  readonly process: ProcessTurns
  owner: EndOwner | undefined
  /** Is told what is written first, once. */
  firstWords: ((bytes: Buffer) => void) | undefined
  /** What goes from here, and what comes; set by `connectEnds`. */
  out!: Pipe;
  in!: Pipe
  /** `closed`: in good order, by its process; `lost`: by a reset, or with its machine. */
  #state: 'open' | 'closed' | 'lost' = 'open'
  readonly #time: VirtualTime
  readonly #retired: (end: TcpEnd) => void
  // ---- what came
  #unread: Buffer[] = []
  #unreadBytes = 0
  #hasFin = false
  #toldEnd = false
  /** What the process will find out as soon as it reads or writes. */
  #broke: 'ECONNRESET' | 'ETIMEDOUT' | undefined
  #isReading = false
  #isTurnPlanned = false
  // ---- what goes
  #waiting: Write[] = []
  #waitingBytes = 0
  #shut: (() => void) | 'no' | 'sent' = 'no'

  /** @param retired nothing is left of this end */
  constructor(
    at: { host: Host; port: number },
    process: ProcessTurns,
    time: VirtualTime,
    retired: (end: TcpEnd) => void,
  ) {
    this.host = at.host
    this.port = at.port
    this.process = process
    this.#time = time
    this.#retired = retired
  }

  /** The kernel knows nothing of the connection any more. */
  get isGone(): boolean {
    return this.#state !== 'open'
  }

  /** Bytes that the kernel has not taken yet. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  get isWaitingForRoom(): boolean {
    return this.#waiting.length > 0
  }

  // ---- from the process

  /** @param taken the kernel took it later. Returns whether it did at once; `taken` is not called then. */
  write(bytes: Buffer, taken?: () => void): boolean {
    if (this.#broke !== undefined) this.#planTurn(true)
    if (this.#state !== 'open' || this.#shut !== 'no' || this.process.isDead) return true
    this.firstWords?.(bytes)
    this.firstWords = undefined
    if (this.#waiting.length === 0 && bytes.length <= this.out.room) {
      this.out.sendBytes(bytes)
      return true
    }
    const isFirst = this.#waiting.length === 0
    this.#waiting.push({ bytes, taken })
    this.#waitingBytes += bytes.length
    // There is no room for all of it, so that nobody is told within this call.
    if (isFirst) this.#send()
    return false
  }

  /** There will be no more bytes. @param sent all went before, and that they were all */
  shutdown(sent: () => void): void {
    if (this.#shut !== 'no') return
    this.#shut = sent
    if (this.#state === 'open') this.#finIfAllWent()
  }

  setReading(isReading: boolean): void {
    this.#isReading = isReading
    if (isReading && this.#hasNews) this.#planTurn(false)
  }

  /** Lets go of it: what the kernel has taken is still sent. Also what the kernel does for a process that died. */
  close(): void {
    this.owner = undefined
    if (this.#state !== 'open') return
    const isUnread = this.#unreadBytes > 0
    this.#state = isUnread ? 'lost' : 'closed'
    this.#drop()
    // Whoever closes what it has not read resets the connection (RFC 2525, 2.17).
    if (isUnread) this.out.sendReset()
    else if (this.#shut !== 'sent') this.out.sendFin()
    this.#shut = 'sent'
    this.#retired(this)
  }

  /** The machine is without power. */
  vanish(): void {
    this.owner = undefined
    if (this.#state !== 'open') return
    this.#state = 'lost'
    this.#drop()
    this.out.senderVanished()
    this.#retired(this)
  }

  // ---- from the other end

  established(): void {
    if (this.isGone) return this.out.sendReset()
    this.process.turn(() => this.owner?.established())
  }

  bytesArrived(pieces: readonly Buffer[], length: number): void {
    // Nobody is there who could take them.
    if (this.isGone) return this.out.sendReset()
    this.#unread.push(...pieces)
    this.#unreadBytes += length
    this.#takeTurn()
  }

  finArrived(): void {
    if (this.#state === 'lost') return this.out.sendReset()
    this.#hasFin = true
    this.#takeTurn()
  }

  /** It is gone at once; the process hears of it when it reads. */
  failed(code: 'ECONNRESET' | 'ETIMEDOUT'): void {
    this.out.senderVanished()
    if (this.#state !== 'open') return
    this.#state = 'lost'
    this.#broke = code
    this.#dropWaiting()
    this.#retired(this)
    this.#takeTurn()
  }

  hasRoom(): void {
    this.process.turn(() => this.#send())
  }

  // ---- turns of the process

  get #hasNews(): boolean {
    return this.#unreadBytes > 0 || this.#broke !== undefined || (this.#hasFin && !this.#toldEnd)
  }

  /** @param hasAsked the process did something with the connection, and so hears that it broke even if it does not read */
  #planTurn(hasAsked: boolean): void {
    if (this.#isTurnPlanned) return
    this.#isTurnPlanned = true
    this.#time.after(0, () => this.process.turn(() => this.#read(hasAsked)))
  }

  /** Within an event in which nobody else has a turn. */
  #takeTurn(): void {
    if (this.#isTurnPlanned || !this.#isReading) return
    this.#isTurnPlanned = true
    this.process.turn(() => this.#read(false))
  }

  #read(hasAsked: boolean): void {
    this.#isTurnPlanned = false
    if (this.#isReading && this.#unreadBytes > 0) {
      const chunk = this.#unread.length === 1 ? this.#unread[0]! : Buffer.concat(this.#unread)
      this.#unread = []
      this.#unreadBytes = 0
      this.in.wasRead(chunk.length)
      this.owner?.received(chunk)
    }
    const { owner } = this
    if (owner === undefined || this.#unreadBytes > 0) return
    if (this.#broke !== undefined) {
      if (!this.#isReading && !hasAsked) return
      this.owner = undefined
      owner.broken(this.#broke)
    } else if (this.#hasFin && !this.#toldEnd && this.#isReading) {
      this.#toldEnd = true
      owner.ended()
    }
  }

  /** What there is room for now. */
  #send(): void {
    if (this.#state !== 'open') return
    while (this.#waiting.length > 0) {
      const write = this.#waiting[0]!
      const bytes = write.bytes.subarray(0, this.out.room)
      if (bytes.length === 0 && write.bytes.length > 0) return
      this.out.sendBytes(bytes)
      this.#waitingBytes -= bytes.length
      if (bytes.length < write.bytes.length) {
        write.bytes = write.bytes.subarray(bytes.length)
        return
      }
      this.#waiting.shift()
      write.taken?.()
      // Whoever was told may have closed it.
      if (this.#state !== 'open') return
    }
    this.#finIfAllWent()
  }

  #finIfAllWent(): void {
    if (typeof this.#shut === 'string' || this.#waiting.length > 0) return
    const sent = this.#shut
    this.#shut = 'sent'
    this.out.sendFin()
    sent()
  }

  #drop(): void {
    this.#unread = []
    this.#unreadBytes = 0
    this.#dropWaiting()
  }

  #dropWaiting(): void {
    this.#waiting = []
    this.#waitingBytes = 0
  }
}
