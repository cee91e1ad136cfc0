/** The accepting side of a link as bytes on a socket: it records what the dialling side sends and answers as the test says. */
import { EventEmitter } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { generate, parser, type IPublishPacket, type Packet } from 'mqtt-packet'
import { encodeRouteMessage, type ActorInitAck } from '../../src/link/emqx/route-ops.ts'

export type Received = { readonly clientId: string; readonly packet: Packet; readonly peer: AcceptedClient }

export type AckResult =
  | { readonly result: 'ok'; readonly needBootstrap: boolean }
  | { readonly result: 'error'; readonly reason: string }

export class AcceptedClient {
  clientId = ''
  readonly socket: Socket

  constructor(socket: Socket) {
    this.socket = socket
  }

  send(packet: Packet): void {
    this.socket.write(generate(packet, { protocolVersion: 5 }))
  }

  /** The last `actor_init`'s answer. */
  ack(init: IPublishPacket, result: AckResult): void {
    const answer: ActorInitAck = { type: 'actor_init_ack', protocolVersion: 1, actor: 'not looked at', ...result }
    this.send({
      cmd: 'publish',
      topic: init.properties?.responseTopic ?? '',
      payload: encodeRouteMessage(answer),
      qos: 1,
      messageId: 1,
      dup: false,
      retain: false,
      properties: { correlationData: init.properties?.correlationData ?? Buffer.alloc(0) },
    })
  }
}

/** Answers a packet; what it leaves alone stays unanswered. */
export type Answer = (received: Received) => void

export class Acceptor {
  readonly received: Received[] = []
  readonly clients = new Set<AcceptedClient>()
  answer: Answer
  readonly #events = new EventEmitter()
  readonly #server: Server

  /** @param tls for an acceptor that wants to be spoken to in secret */
  constructor(answer: Answer, tls?: TlsOptions) {
    this.answer = answer
    const serve = (socket: Socket) => this.#serve(socket)
    this.#server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve)
    this.#events.setMaxListeners(0)
  }

  async listen(port = 0, host = '127.0.0.1'): Promise<number> {
    await new Promise<void>((resolve) => void this.#server.listen(port, host, resolve))
    return this.port
  }

  get port(): number {
    const address: AddressInfo | string | null = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('not listening')
    return address.port
  }

  /** The next packet that fits, or one that came already since `from`. */
  async packet(fits: (received: Received) => boolean, { from = 0, withinMs = 10_000 } = {}): Promise<Received> {
    const found = () => this.received.slice(from).find(fits)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const seen = this.received.slice(from).map(({ clientId, packet }) => `${clientId} ${packet.cmd}`)
        done(() => reject(new Error(`not received; there were: ${seen.join(', ')}`)))
      }, withinMs)
      const done = (settle: () => void) => {
        clearTimeout(timer)
        this.#events.off('packet', look)
        settle()
      }
      const look = () => {
        const packet = found()
        if (packet !== undefined) done(() => resolve(packet))
      }
      this.#events.on('packet', look)
      look()
    })
  }

  /** Cuts all connections, as a network does. */
  cut(): void {
    for (const { socket } of this.clients) socket.destroy()
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()))
  }

  #serve(socket: Socket): void {
    const client = new AcceptedClient(socket)
    this.clients.add(client)
    const parse = parser({ protocolVersion: 5 })
    parse.on('packet', (packet) => {
      if (packet.cmd === 'connect') client.clientId = packet.clientId
      const received = { clientId: client.clientId, packet, peer: client }
      this.received.push(received)
      this.answer(received)
      this.#events.emit('packet')
    })
    socket.on('data', (bytes) => parse.parse(bytes))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.clients.delete(client)
      this.#events.emit('packet')
    })
  }
}

export function isPublish(packet: Packet): packet is IPublishPacket {
  return packet.cmd === 'publish'
}

export function payloadOf({ payload }: IPublishPacket): Buffer {
  return Buffer.isBuffer(payload) ? payload : Buffer.from(payload)
}
