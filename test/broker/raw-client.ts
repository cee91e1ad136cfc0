/** A client that sends whatever a test wants, byte by byte if need be, and hands over what comes back, packet by packet. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { generate, type IConnectPacket, type Packet, parser } from 'mqtt-packet'

const DEADLINE_MS = 10_000

export type Version = 3 | 4 | 5
type Cmd = Packet['cmd']
export type PacketOf<C extends Cmd> = Extract<Packet, { cmd: C }>

export type Received = { readonly packet: Packet; readonly bytes: Buffer }

export class RawClient {
  version: Version
  readonly #socket: Duplex
  readonly #received: Received[] = []
  readonly #ended: Promise<void>
  #rest: Buffer = Buffer.alloc(0)
  #isEnded = false
  #wake: (() => void) | undefined

  /** Over a connection that stands, of whatever kind, on which nothing was read yet. */
  constructor(socket: Duplex, version: Version = 5) {
    this.#socket = socket
    this.version = version
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    // A reset is an end like another one; that it came is what `closed` says.
    socket.on('error', () => socket.destroy())
    this.#ended = new Promise((resolve) =>
      socket.once('close', () => {
        this.#isEnded = true
        this.#wake?.()
        resolve()
      }),
    )
  }

  /** A TCP connection to `host:port`, on which nothing has been said yet. */
  static async open(address: string, version: Version = 5): Promise<RawClient> {
    const [host, port] = address.split(':')
    const socket = connect({ host: host!, port: Number(port), noDelay: true })
    await once(socket, 'connect')
    return new RawClient(socket, version)
  }

  /** How many packets came that nobody has asked for yet. */
  get unread(): number {
    return this.#received.length
  }

  get isClosed(): boolean {
    return this.#isEnded
  }

  send(...packets: readonly Packet[]): void {
    this.#socket.write(Buffer.concat(packets.map((packet) => this.encode(packet))))
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  encode(packet: Packet): Buffer {
    return generate(packet, { protocolVersion: this.version })
  }

  /** Sends CONNECT and waits for CONNACK. */
  async connect(options: Partial<IConnectPacket> = {}): Promise<PacketOf<'connack'>> {
    this.send({
      cmd: 'connect',
      protocolVersion: this.version,
      protocolId: this.version === 3 ? 'MQIsdp' : 'MQTT',
      clientId: 'client',
      clean: true,
      keepalive: 0,
      ...options,
    })
    return this.next('connack')
  }

  /** The next packet that comes, together with its bytes. */
  async receive(): Promise<Received> {
    const first = this.#received.shift()
    if (first !== undefined) return first
    assert(!this.#isEnded, 'the connection is closed and no packet is left')
    await this.#more()
    return this.receive()
  }

  /** The next packet, which must be of this type. */
  async next<C extends Cmd>(cmd: C): Promise<PacketOf<C>> {
    const { packet } = await this.receive()
    assert.equal(packet.cmd, cmd, `expected ${cmd}, got ${JSON.stringify(packet)}`)
    return packet as PacketOf<C>
  }

  /** The next so many PUBLISH packets. */
  async publishes(count: number): Promise<PacketOf<'publish'>[]> {
    const found: PacketOf<'publish'>[] = []
    while (found.length < count) found.push(await this.next('publish'))
    return found
  }

  /** All that was sent to this client came already: the answer to a PING is the next packet. */
  async nothingMore(): Promise<void> {
    this.send({ cmd: 'pingreq' })
    await this.next('pingresp')
  }

  /** The server has closed the connection. Returns the packets that came before and were not asked for. */
  async closed(): Promise<Packet[]> {
    let late: NodeJS.Timeout | undefined
    const deadline = new Promise<never>((_resolve, reject) => {
      late = setTimeout(() => reject(new Error(`not closed within ${DEADLINE_MS} ms`)), DEADLINE_MS)
    })
    await Promise.race([this.#ended, deadline]).finally(() => clearTimeout(late))
    return this.#received.splice(0).map(({ packet }) => packet)
  }

  /** Takes no more from the socket until `resume`. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Cuts the connection as a crash would. */
  async destroy(): Promise<void> {
    this.#socket.destroy()
    await this.#ended
  }

  async #more(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no packet within ${DEADLINE_MS} ms`)), DEADLINE_MS)
      this.#wake = () => {
        clearTimeout(late)
        this.#wake = undefined
        resolve()
      }
    })
  }

  #read(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (let bytes = this.#cut(); bytes !== undefined; bytes = this.#cut())
      this.#received.push({ packet: parsePacket(bytes, this.version), bytes })
    if (this.#received.length > 0) this.#wake?.()
  }

  #cut(): Buffer | undefined {
    let at = 1
    let length = 0
    let byte: number
    do {
      if (at >= this.#rest.length) return undefined
      byte = this.#rest[at]!
      length += (byte & 127) * 128 ** (at - 1)
      at++
    } while (byte >= 128)
    if (this.#rest.length < at + length) return undefined
    const bytes = this.#rest.subarray(0, at + length)
    this.#rest = this.#rest.subarray(at + length)
    return bytes
  }
}

/** What `mqtt-packet` reads in these bytes, which are one whole packet. */
export function parsePacket(bytes: Buffer, version: Version): Packet {
  const packets: Packet[] = []
  const packetParser = parser({ protocolVersion: version })
  packetParser.on('packet', (packet: Packet) => packets.push(packet))
  packetParser.on('error', (error: unknown) => {
    throw error
  })
  packetParser.parse(bytes)
  assert.equal(packets.length, 1, `${bytes.toString('hex')} is not one packet`)
  return packets[0]!
}

/** Bytes as a table writes them: hexadecimal, with blanks between fields. */
export function hex(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(' ', ''), 'hex')
}
