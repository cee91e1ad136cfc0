/**
 * One who is connected to the debug socket: requests line by line, each answered before the next one is looked at. Whoever asks faster
 * than it is answered, or does not read, waits; the node does not.
 */
import type { Socket } from 'node:net'
import type { DebugPort } from './debug-port.ts'
import { errorLine, notificationLine, readRequest, resultLine, RpcError, rpcErrorCode } from './json-rpc.ts'
import { callMethod, type DebugClient } from './methods.ts'

/** Without its end. */
export const lineBytesMax = 1_048_576
/** What may wait for one who watches and is slow to read; what comes beyond it is counted instead. */
export const watchBacklogBytesMax = 1_048_576

const newline = 0x0a

export class DebugConnection implements DebugClient {
  readonly #socket: Socket
  readonly #port: DebugPort
  /** The beginning of a line whose end has not come yet. */
  #parts: Buffer[] = []
  #partBytes = 0
  readonly #lines: string[] = []
  #working = false
  #ended = false
  #unwatch: (() => void) | undefined
  #missed = 0

  /** @param socket half-open: one may send all requests and end, and still get the answers */
  constructor(socket: Socket, port: DebugPort) {
    this.#socket = socket
    this.#port = port
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('end', () => {
      this.#ended = true
      this.#work()
    })
    socket.on('drain', () => this.#tellMissed())
    // What is to be said about it `close` says.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#unwatch?.())
  }

  watch(actor: string | undefined): void {
    this.#unwatch?.()
    this.#unwatch = this.#port.actors.onTransition((id, transition) => {
      if (actor !== undefined && id !== actor && !id.startsWith(`${actor}/`)) return
      if (this.#socket.writableLength > watchBacklogBytesMax) this.#missed += 1
      else this.#socket.write(notificationLine('actors.transition', { actor: id, ...transition }))
    })
  }

  #tellMissed(): void {
    if (this.#missed === 0) return
    this.#socket.write(notificationLine('actors.missed', { missed: this.#missed }))
    this.#missed = 0
  }

  #take(chunk: Buffer): void {
    let from = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      this.#keep(chunk.subarray(from, end))
      if (this.#partBytes > lineBytesMax) return this.#refuseLine()
      this.#lines.push(Buffer.concat(this.#parts).toString('utf8'))
      this.#parts = []
      this.#partBytes = 0
      from = end + 1
    }
    this.#keep(chunk.subarray(from))
    if (this.#partBytes > lineBytesMax) return this.#refuseLine()
    this.#work()
  }

  #keep(part: Buffer): void {
    this.#parts.push(part)
    this.#partBytes += part.length
  }

  #refuseLine(): void {
    this.#unwatch?.()
    this.#parts = []
    this.#lines.length = 0
    this.#socket.pause()
    const error = new RpcError(rpcErrorCode.limit, `a line is longer than ${lineBytesMax} bytes`)
    this.#socket.end(errorLine(null, error), () => this.#socket.destroy())
  }

  #work(): void {
    if (this.#working) return
    this.#working = true
    this.#socket.pause()
    void this.#answerAll().finally(() => {
      this.#working = false
      if (this.#ended) this.#socket.end()
      else if (!this.#socket.writableEnded) this.#socket.resume()
    })
  }

  async #answerAll(): Promise<void> {
    for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
      if (line.trim() === '') continue
      const answer = await this.#answer(line)
      if (this.#socket.destroyed || this.#socket.writableEnded) return
      if (answer !== undefined && !this.#socket.write(answer)) await drained(this.#socket)
    }
  }

  /** Always resolves: with the line to send, if any. */
  async #answer(line: string): Promise<string | undefined> {
    const reading = readRequest(line)
    if (reading.type === 'invalid') return errorLine(reading.id, reading.error)
    const { method, params, id } = reading.request
    try {
      const result = await callMethod(this.#port, method, params, this)
      return id === undefined ? undefined : resultLine(id, result)
    } catch (error) {
      return id === undefined ? undefined : errorLine(id, error)
    }
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve()
    const done = (): void => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.on('drain', done)
    socket.on('close', done)
  })
}
