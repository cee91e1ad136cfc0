/** HTTP and the WebSocket handshake on connections that a listener has accepted (RFC 6455, MQTT 5 section 6). */
import { createServer, type IncomingMessage, type Server as HttpServer, STATUS_CODES } from 'node:http'
import { isIP, type Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { WebsocketConfig } from '../../config/listeners/listener-config.ts'
import type { Peer } from './peer.ts'
import { plainHost } from './proxy-protocol.ts'

export type WebsocketOutcome = {
  /** `socket` is what was handed to `serve`. */
  upgraded(socket: Socket, websocket: WebSocket, peer: Peer): void
  refused(socket: Socket, words: string): void
}

/** A frame may hold packets of which the last is the longest allowed. */
const FRAME_BYTES_BESIDE_PACKET = 65_536
const HTTP_HEADER_BYTES_MAX = 16_384

type Refusal = { readonly status: 400 | 403 | 404; readonly words: string }

export class WebsocketLayer {
  readonly #config: WebsocketConfig
  readonly #outcome: WebsocketOutcome
  /** They listen nowhere: connections are handed to them. */
  readonly #http: HttpServer
  readonly #websockets: WebSocketServer
  readonly #peers = new WeakMap<Socket, Peer>()

  /** @param packetBytesMax largest MQTT packet, which bounds a frame and what a compressed one may grow to */
  constructor(config: WebsocketConfig, packetBytesMax: number, outcome: WebsocketOutcome) {
    this.#config = config
    this.#outcome = outcome
    this.#websockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      autoPong: false,
      maxPayload: Math.min(config.max_frame_size, packetBytesMax + FRAME_BYTES_BESIDE_PACKET),
      // What zlib would keep for each connection is many times what MQTT keeps.
      perMessageDeflate: config.compress && {
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
        threshold: 1024,
      },
      handleProtocols: (offered) => config.supported_subprotocols.find((protocol) => offered.has(protocol)) ?? false,
    })
    this.#http = createServer(
      { maxHeaderSize: HTTP_HEADER_BYTES_MAX, insecureHTTPParser: false },
      (request, response) => {
        // Some program that is no WebSocket client: a browser, a health check.
        const status = pathOf(request) === config.mqtt_path ? 426 : 404
        response.writeHead(status, { connection: 'close', ...(status === 426 ? { upgrade: 'websocket' } : {}) })
        response.end(`${STATUS_CODES[status]}\n`)
      },
    )
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket as Socket, head))
    this.#http.on('clientError', (error, socket) => {
      this.#outcome.refused(socket as Socket, `HTTP: ${error.message}`)
      socket.destroy()
    })
  }

  serve(socket: Socket, peer: Peer): void {
    this.#peers.set(socket, peer)
    this.#http.emit('connection', socket)
    // Whoever looked at its first bytes has stopped it.
    socket.resume()
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const own = this.#peers.get(socket)
    if (own === undefined) return void socket.destroy()
    const refusal = this.#judge(request)
    if (refusal !== undefined) {
      this.#outcome.refused(socket, refusal.words)
      return answer(socket, refusal)
    }
    this.#websockets.handleUpgrade(request, socket, head, (websocket) => {
      this.#outcome.upgraded(socket, websocket, { ...own, ...this.#forwarded(request) })
    })
  }

  #judge(request: IncomingMessage): Refusal | undefined {
    const { mqtt_path, fail_if_no_subprotocol, supported_subprotocols } = this.#config
    const { check_origin_enable, allow_origin_absence, check_origins } = this.#config
    const { origin } = request.headers
    if (pathOf(request) !== mqtt_path) return { status: 404, words: `the path is ${mqtt_path}` }
    if (check_origin_enable && !(origin === undefined ? allow_origin_absence : check_origins.includes(origin)))
      return {
        status: 403,
        words: `origin ${origin === undefined ? 'missing' : JSON.stringify(origin)} is not allowed`,
      }
    const offered = request.headers['sec-websocket-protocol']?.split(',').map((protocol) => protocol.trim())
    if (offered === undefined)
      return fail_if_no_subprotocol ? { status: 400, words: 'the subprotocol mqtt must be asked for' } : undefined // [MQTT-6.0.0-3]
    if (offered.some((protocol) => supported_subprotocols.includes(protocol))) return undefined
    return { status: 400, words: `none of the subprotocols ${JSON.stringify(offered)} is served` }
  }

  /** What a proxy in front says of the client, where the configuration names the headers to believe. */
  #forwarded(request: IncomingMessage): Partial<Pick<Peer, 'host' | 'port'>> {
    const { proxy_address_header, proxy_port_header } = this.#config
    const last = (header: string): string => {
      const value = header === '' ? undefined : request.headers[header]
      // The nearest proxy adds at the end; what stands before may be the client's own invention.
      return String(value ?? '')
        .split(',')
        .at(-1)!
        .trim()
    }
    const host = plainHost(last(proxy_address_header).replaceAll(/^\[|\]$/g, ''))
    const port = Number(last(proxy_port_header) || Number.NaN)
    return {
      ...(isIP(host) === 0 ? {} : { host }),
      ...(Number.isInteger(port) && port >= 0 && port <= 65_535 ? { port } : {}),
    }
  }
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.replace(/[?#].*$/s, '')
}

function answer(socket: Socket, { status, words }: Refusal): void {
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: text/plain',
    `Content-Length: ${Buffer.byteLength(words)}`,
  ]
  socket.once('finish', () => socket.destroy())
  socket.end(`${lines.join('\r\n')}\r\n\r\n${words}`)
}
