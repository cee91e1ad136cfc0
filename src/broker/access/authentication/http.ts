/** The authenticator `password_based:http`: a service that is asked about each client, as EMQX asks it. */
import type { HttpConfig } from '../../../config/authentication/authentication-config.ts'
import type { Logger } from '../../logger.ts'
import type { Clock } from '../../clock.ts'
import type { Credentials } from '../client-info.ts'
import { judgeAnswer } from './http-answer.ts'
import { HttpClient, type HttpRequest } from './http-client.ts'
import { LogThrottle } from './log-throttle.ts'
import { type Attempt, badCredentials, type ChainMember, notAuthorized, type Outcome, unavailable } from './outcome.ts'
import { parseTemplate, render, type Template } from './placeholders.ts'
import { WorkGate } from './work-gate.ts'
import { shownAddress } from './shown-address.ts'

export const HTTP_ID = 'password_based:http'

/** Bytes of an answer. */
const ANSWER_BYTES_MAX = 65_536

/** Clients that may wait for each connection to the service. */
const WAITING_PER_CONNECTION = 100

export class HttpService implements ChainMember {
  readonly id = HTTP_ID
  readonly deadlineMs: number
  readonly #config: HttpConfig
  readonly #clock: Clock
  readonly #log: Logger
  readonly #client: HttpClient
  readonly #gate: WorkGate
  readonly #throttle = new LogThrottle()
  readonly #url: Template
  readonly #headers: readonly (readonly [name: Template, value: Template])[]
  readonly #body: readonly (readonly [name: Template, value: Template])[]

  constructor(config: HttpConfig, clock: Clock, log: Logger) {
    const { pool_size: poolSize, request_timeout: timeoutMs } = config
    this.#config = config
    this.#clock = clock
    this.#log = log
    // The wait for a free connection and the request itself.
    this.deadlineMs = 2 * timeoutMs
    this.#client = new HttpClient(config.ssl, { poolSize, timeoutMs, answerBytesMax: ANSWER_BYTES_MAX })
    this.#gate = new WorkGate(poolSize, poolSize * WAITING_PER_CONNECTION)
    this.#url = parseTemplate(config.url)
    this.#headers = templatesOf({ ...defaultHeaders(config.method), ...config.headers })
    this.#body = templatesOf(config.body)
  }

  async authenticate(credentials: Credentials, attempt: Attempt): Promise<Outcome> {
    try {
      const request = this.#request(credentials)
      if (request === undefined) return badCredentials('a name of dots alone would lead to another path')
      const turn = await this.#gate.run(attempt, () => this.#client.send(request, attempt.signal))
      if (turn.type === 'busy') return { type: 'busy', words: 'too many clients wait for the service' }
      if (turn.type === 'unwelcome') return notAuthorized('the attempt was given up')
      return judgeAnswer(turn.value, this.#clock.nowMs())
    } catch (error) {
      const line = attempt.signal.aborted ? undefined : this.#throttle.admit(this.#clock.steadyMs())
      // Of the address only what stands in the configuration: the rest may hold a password.
      if (line !== undefined)
        this.#log.error(
          { reason: String(error), url: shownAddress(this.#config.url), ...line },
          'authentication_http_failed',
        )
      return unavailable('the HTTP service does not answer')
    }
  }

  /** Undefined for a client whose name would climb up the path of the address. */
  #request(credentials: Credentials): HttpRequest | undefined {
    let climbs = false
    const address = render(this.#url, credentials, (value) => {
      climbs ||= /^\.+$/.test(value)
      return encodeURIComponent(value)
    })
    if (climbs) return undefined
    const url = new URL(address)
    const headers = Object.fromEntries(
      // A value that ended its line would begin a header of the client's own.
      this.#headers.map(([name, value]) => [render(name, credentials), render(value, credentials, oneLine)]),
    )
    const fields = this.#body.map(([name, value]) => [render(name, credentials), render(value, credentials)] as const)
    if (this.#config.method === 'get') {
      for (const [name, value] of fields) url.searchParams.append(name, value)
      return { method: 'GET', url, headers }
    }
    const isForm = /^application\/x-www-form-urlencoded\b/i.test(headers['content-type'] ?? '')
    const pairs = fields.map(([name, value]): [string, string] => [name, value])
    const body = isForm ? new URLSearchParams(pairs).toString() : JSON.stringify(Object.fromEntries(pairs))
    return { method: 'POST', url, headers, body }
  }

  stop(): void {
    this.#client.stop()
  }
}

/** EMQX's. */
function defaultHeaders(method: 'get' | 'post'): Readonly<Record<string, string>> {
  const headers = { accept: 'application/json', 'cache-control': 'no-cache' }
  return method === 'post' ? { ...headers, 'content-type': 'application/json' } : headers
}

function templatesOf(fields: Readonly<Record<string, string>>): readonly (readonly [Template, Template])[] {
  return Object.entries(fields).map(([name, value]) => [parseTemplate(name), parseTemplate(value)])
}

/** Header values are of Latin-1 and on one line; the rest is encoded as in an address. */
function oneLine(value: string): string {
  return value.replaceAll(/[^\u0020-\u007e]/gu, encodeURIComponent)
}
