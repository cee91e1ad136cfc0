/** One MQTT connection of the load generator: what it is sent in one read is answered in one write. */
import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { connectPacket, DISCONNECT, type ConnectOptions, packetWalker } from './mqtt-bytes.ts'

/** PUBLISH and its four acknowledgements, by packet type (MQTT 3.1.1, 2.2.1). */
export const packetType = {
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  suback: 9,
  unsuback: 11,
  pingresp: 13,
} as const

/** First byte of the answer to each: PUBREL carries reserved flags. */
const FIRST_BYTE = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 } as const

export type ClientHandlers = {
  /** Each PUBLISH; `first` is its first byte, its body begins at `bodyAt`. */
  readonly onPublish?: (first: number, bytes: Buffer, bodyAt: number) => void
  /** PUBACK, PUBREC, PUBREL, PUBCOMP. */
  readonly onAcknowledgement?: (type: number, packetId: number) => void
  /** Once after each read, when the answers to it are written. */
  readonly afterRead?: () => void
}

const ANSWER_BYTES = 4
const ANSWERS_BYTES_MAX = 64 * 1024

export class Client {
  readonly socket: Socket
  readonly #awaited = new Map<number, (body: Buffer) => void>()
  readonly #answers = Buffer.alloc(ANSWERS_BYTES_MAX)
  #answersBytes = 0

  private constructor(port: number, handlers: ClientHandlers) {
    const walk = packetWalker((type, first, bytes, bodyAt, end) => {
      if (type === packetType.publish) handlers.onPublish?.(first, bytes, bodyAt)
      else if (type >= packetType.puback && type <= packetType.pubcomp)
        handlers.onAcknowledgement?.(type, bytes.readUInt16BE(bodyAt))
      else this.#awaited.get(type)?.(Buffer.from(bytes.subarray(bodyAt, end)))
    })
    this.socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(64 * 1024),
        callback: (length, chunk) => {
          walk(chunk, length)
          this.#flush()
          handlers.afterRead?.()
          return true
        },
      },
    })
  }

  /** Resolves after a good CONNACK. A connection that breaks later ends the benchmark: there is no figure without it. */
  static async open(port: number, options: ConnectOptions, handlers: ClientHandlers): Promise<Client> {
    const client = new Client(port, handlers)
    const closed = new Promise<never>((_, reject) => {
      client.socket.once('error', reject)
      client.socket.once('close', () => reject(new Error(`${options.clientId}: closed before CONNACK`)))
    })
    const connack = client.next(packetType.connack)
    client.socket.write(connectPacket(options))
    const code = (await Promise.race([connack, closed]))[1]
    assert.equal(code, 0, `${options.clientId}: CONNACK ${code}`)
    client.socket.on('close', (hadError) => {
      if (!client.socket.writableEnded) throw new Error(`${options.clientId}: closed by the broker, error: ${hadError}`)
    })
    return client
  }

  /** Resolves with the body of the next packet of this type. */
  next(type: number): Promise<Buffer> {
    return new Promise((resolve) => this.#awaited.set(type, resolve))
  }

  /** Sends an acknowledgement at the end of this read. */
  answer(type: keyof typeof FIRST_BYTE, packetId: number): void {
    if (this.#answersBytes + ANSWER_BYTES > ANSWERS_BYTES_MAX) this.#flush()
    this.#answers.writeUInt16BE((FIRST_BYTE[type] << 8) | 2, this.#answersBytes)
    this.#answers.writeUInt16BE(packetId, this.#answersBytes + 2)
    this.#answersBytes += ANSWER_BYTES
  }

  close(): void {
    this.socket.end(DISCONNECT)
  }

  #flush(): void {
    if (this.#answersBytes === 0) return
    this.socket.write(Buffer.from(this.#answers.subarray(0, this.#answersBytes)))
    this.#answersBytes = 0
  }
}
