/**
 * One MQTT 5 connection of a checker's client, from connecting to its end. It keeps itself alive, and gives up a broker that says nothing:
 * a process that was stopped keeps its sockets.
 */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { generate, type IConnackPacket, type Packet, parser } from 'mqtt-packet'

export type Account = {
  readonly clientId: string
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly ca?: string | undefined
  /** Asks the broker to forget what was; else the session is kept for a day. */
  readonly isClean: boolean
}

export type ConnectionHandlers = {
  onConnected(connack: IConnackPacket): void
  onPacket(packet: Packet): void
  /** Once, whatever ended it: also if it never connected. */
  onEnd(reason: string): void
}

const KEEPALIVE_S = 20
const PING_EVERY_MS = 5_000
const SILENCE_MS_MAX = 12_000
const CONNECT_MS_MAX = 5_000
const SESSION_S = 86_400
const RECEIVE_MAXIMUM = 1_000
/** Above it a QoS 0 publisher should wait: the broker reads more slowly. */
const UNWRITTEN_BYTES_MAX = 1024 * 1024

const FORM = { protocolVersion: 5 } as const

export class Connection {
  readonly #socket: Socket
  readonly #handlers: ConnectionHandlers
  readonly #alive: NodeJS.Timeout
  #heardMs = performance.now()
  #isOpen = false
  #hasEnded = false
  #reason = 'closed by the broker'

  constructor(url: string, account: Account, handlers: ConnectionHandlers) {
    this.#handlers = handlers
    const { protocol, hostname, port } = new URL(url)
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    const address = { host, port: Number(port) }
    this.#socket =
      protocol === 'mqtts:'
        ? connectTls({ ...address, ca: account.ca, servername: /^[\d.:]+$/.test(host) ? '' : host })
        : connectTcp(address)
    this.#socket.setNoDelay(true)
    const packets = parser(FORM)
    packets.on('packet', (packet: Packet) => this.#take(packet))
    packets.on('error', (error: Error) => this.end(`what the broker sent can't be read: ${error.message}`))
    this.#socket.on('data', (bytes) => {
      this.#heardMs = performance.now()
      packets.parse(bytes)
    })
    this.#socket.on('error', (error) => (this.#reason = error.message))
    this.#socket.on('close', () => this.#ended())
    this.#alive = setInterval(() => this.#keepAlive(), PING_EVERY_MS)
    this.send({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 5,
      clientId: account.clientId,
      clean: account.isClean,
      keepalive: KEEPALIVE_S,
      ...(account.username === undefined ? {} : { username: account.username }),
      ...(account.password === undefined ? {} : { password: Buffer.from(account.password) }),
      properties: { sessionExpiryInterval: account.isClean ? 0 : SESSION_S, receiveMaximum: RECEIVE_MAXIMUM },
    })
  }

  get isCrowded(): boolean {
    return this.#socket.writableLength > UNWRITTEN_BYTES_MAX
  }

  send(packet: Packet): void {
    if (!this.#hasEnded) this.#socket.write(generate(packet, FORM))
  }

  /** Breaks off, without a goodbye. */
  end(reason: string): void {
    this.#reason = reason
    this.#socket.destroy()
  }

  /** Says goodbye (DISCONNECT) and ends. */
  close(): void {
    this.#reason = 'closed by us'
    if (this.#isOpen) this.send({ cmd: 'disconnect', reasonCode: 0 })
    this.#socket.destroySoon()
  }

  #take(packet: Packet): void {
    if (packet.cmd === 'connack') return this.#connected(packet)
    if (packet.cmd === 'disconnect') this.#reason = `DISCONNECT 0x${(packet.reasonCode ?? 0).toString(16)}`
    else if (packet.cmd !== 'pingresp' && !this.#hasEnded) this.#handlers.onPacket(packet)
  }

  #connected(connack: IConnackPacket): void {
    const code = connack.reasonCode ?? 0
    if (code !== 0) return this.end(`CONNACK 0x${code.toString(16)}`)
    this.#isOpen = true
    this.#handlers.onConnected(connack)
  }

  #keepAlive(): void {
    const silentMs = performance.now() - this.#heardMs
    if (silentMs > (this.#isOpen ? SILENCE_MS_MAX : CONNECT_MS_MAX)) this.end('the broker says nothing')
    else if (this.#isOpen) this.send({ cmd: 'pingreq' })
  }

  #ended(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    clearInterval(this.#alive)
    this.#handlers.onEnd(this.#reason)
  }
}
