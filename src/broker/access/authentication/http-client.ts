/** Requests to a service that may be slow, broken or hostile: so many at one time, so long, and answers of so many bytes. */
import http from 'node:http'
import https from 'node:https'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { SslConfig } from '../../../config/ssl-config.ts'

export type HttpRequest = {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export type HttpAnswer = { readonly status: number; readonly contentType: string; readonly body: string }

export type HttpLimits = {
  /** Connections at one time. */
  readonly poolSize: number
  /** From the beginning to the last byte of the answer, milliseconds. */
  readonly timeoutMs: number
  readonly answerBytesMax: number
}

export class HttpClient {
  readonly #ssl: SslConfig
  readonly #limits: HttpLimits
  readonly #plain: http.Agent
  readonly #tls: https.Agent

  constructor(ssl: SslConfig, limits: HttpLimits) {
    this.#ssl = ssl
    this.#limits = limits
    const options = { keepAlive: true, maxSockets: limits.poolSize, maxFreeSockets: limits.poolSize }
    this.#plain = new http.Agent(options)
    this.#tls = new https.Agent(options)
  }

  /** Redirects are not followed. Rejects with words that hold neither the request nor the answer. */
  send({ method, url, headers, body }: HttpRequest, signal?: AbortSignal): Promise<HttpAnswer> {
    const isTls = url.protocol === 'https:'
    const deadline = AbortSignal.timeout(this.#limits.timeoutMs)
    return new Promise((resolve, reject) => {
      const options: https.RequestOptions = {
        method,
        headers: body === undefined ? headers : { ...headers, 'content-length': String(Buffer.byteLength(body)) },
        agent: isTls ? this.#tls : this.#plain,
        signal: signal === undefined ? deadline : AbortSignal.any([deadline, signal]),
        ...(isTls ? tlsOptions(this.#ssl, url.hostname) : {}),
      }
      const fail = (error: Error): void =>
        reject(deadline.aborted ? new Error(`no answer within ${this.#limits.timeoutMs} ms`, { cause: error }) : error)
      const request = (isTls ? https : http).request(url, options, (response) => {
        this.#read(response).then(resolve, fail)
      })
      request.on('error', fail)
      request.end(body)
    })
  }

  #read(response: http.IncomingMessage): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes <= this.#limits.answerBytesMax) chunks.push(chunk)
        else response.destroy(new Error(`the answer is longer than ${this.#limits.answerBytesMax} bytes`))
      })
      response.on('error', reject)
      // Without an error, too, a connection may end before the answer does.
      response.on('close', () => reject(new Error('the answer broke off')))
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          contentType: response.headers['content-type'] ?? '',
          body: Buffer.concat(chunks).toString(),
        }),
      )
    })
  }

  /** Connections are closed; requests under way fail. */
  stop(): void {
    this.#plain.destroy()
    this.#tls.destroy()
  }
}

/** PEM files are read for each connection, so that a renewed certificate is used without an edit. */
function tlsOptions(ssl: SslConfig, host: string): ConnectionOptions {
  const asked = ssl.server_name_indication
  const named = asked === 'disable' ? undefined : (asked ?? host)
  return {
    ...pem('ca', ssl.cacertfile),
    ...pem('cert', ssl.certfile),
    ...pem('key', ssl.keyfile),
    rejectUnauthorized: ssl.verify === 'verify_peer',
    // An address is no name that could be asked for (RFC 6066, 3); it is verified all the same.
    ...(named !== undefined && isIP(named) === 0 ? { servername: named } : {}),
    ...(asked === 'disable' ? { checkServerIdentity: () => undefined } : {}),
  }
}

/** `written`: a file, or the PEM itself. */
function pem(name: 'ca' | 'cert' | 'key', written: string | undefined): ConnectionOptions {
  if (written === undefined) return {}
  return { [name]: written.includes('-----BEGIN') ? written : readFileSync(written) }
}
