/** The side of a connection that dialled, as a socket of Node behaves: what a link or a client reads and writes. */
import { Duplex } from 'node:stream'
import { connectError, readError, type Address, type SocketErrorCode } from './socket-error.ts'
import type { EndOwner, TcpEnd } from './tcp-end.ts'

type Done = (error?: Error | null) => void

export class SimulatedDialSocket extends Duplex implements EndOwner {
  readonly #to: Address
  /** Calls in a turn of the process's own. */
  readonly #soon: (call: () => void) => void
  #end: TcpEnd | undefined
  /** Written before there was a connection. */
  #early: { readonly chunk: Buffer; readonly done: Done } | undefined
  #earlyEnd: Done | undefined

  constructor(to: Address, soon: (call: () => void) => void) {
    super({ allowHalfOpen: false })
    this.#to = to
    this.#soon = soon
  }

  get connecting(): boolean {
    return this.#end === undefined && !this.destroyed
  }

  // ---- from the network, in turns of the process

  connected(end: TcpEnd): void {
    this.#end = end
    end.owner = this
    const early = this.#early
    this.#early = undefined
    if (early !== undefined && end.write(early.chunk, early.done)) early.done()
    if (this.#earlyEnd !== undefined) end.shutdown(this.#earlyEnd)
    end.setReading(true)
    this.emit('connect')
    this.emit('ready')
  }

  refused(code: SocketErrorCode): void {
    this.destroy(connectError(code, this.#to))
  }

  established(): void {
    // The side that dialled knows already.
  }

  received(chunk: Buffer): void {
    if (!this.push(chunk)) this.#end?.setReading(false)
  }

  ended(): void {
    this.push(null)
  }

  broken(code: SocketErrorCode): void {
    this.destroy(readError(code))
  }

  // ---- from its user

  override _read(): void {
    this.#end?.setReading(true)
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    if (this.#end === undefined) this.#early = { chunk, done }
    else if (this.#end.write(chunk, done)) done()
  }

  override _final(done: Done): void {
    if (this.#end === undefined) this.#earlyEnd = done
    else this.#end.shutdown(done)
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#end?.close()
    this.#soon(() => done(error))
  }
}
