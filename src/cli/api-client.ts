/** Asks a node over its REST API. What goes wrong is told in words: what was asked, where it was found, what to do. */
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { CommandFailure } from './command-failure.ts'
import { isFields } from './fields.ts'
import { findNode, type NodeDoor, type NodePlace } from './find-node.ts'

type Env = Readonly<Record<string, string | undefined>>

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

/** `path` is below `/api/v5`. Values of a query that are `undefined` are left out. */
export type ApiRequest = {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Sent as JSON. */
  readonly body?: unknown
  /** How long the answer may take to begin, milliseconds. */
  readonly waitMs?: number
}

/** The node refused: its own words. */
export class ApiFailure extends CommandFailure {
  override readonly name = 'ApiFailure'
  readonly status: number
  /** `NOT_FOUND`, `BAD_REQUEST` ... */
  readonly code: string
  /** Each wrong field, if it was about fields. */
  readonly errors: readonly { readonly field: string; readonly message: string }[]

  constructor(status: number, code: string, message: string, errors: ApiFailure['errors']) {
    super(1, message)
    this.status = status
    this.code = code
    this.errors = errors
  }
}

/** Members of a cluster are given two seconds, so that one node answers well within this. */
const WAIT_MS = 15_000
/** Of an answer: a thousand links are four megabytes. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024

export class ApiClient {
  readonly #door: NodeDoor

  constructor(door: NodeDoor) {
    this.#door = door
  }

  /** Finds the node, without asking it anything. Rejects with `CommandFailure`. */
  static async of(place: NodePlace, env: Env): Promise<ApiClient> {
    return new ApiClient(await findNode(place, env))
  }

  /** Without a path: `http://127.0.0.1:18083`. */
  get url(): string {
    return this.#door.url
  }

  get(path: string, query: ApiRequest['query'] = {}): Promise<unknown> {
    return this.request('GET', path, { query })
  }

  /**
   * What the node answers, read as JSON; `undefined` where it answers nothing.
   * Rejects with `ApiFailure` for what it refuses, and with `CommandFailure` if it can't be asked.
   */
  async request(
    method: Method,
    path: string,
    { query = {}, body, waitMs = WAIT_MS }: ApiRequest = {},
  ): Promise<unknown> {
    const given = new URLSearchParams()
    for (const [name, value] of Object.entries(query)) if (value !== undefined) given.append(name, String(value))
    const search = given.size === 0 ? '' : `?${given.toString()}`
    const { status, text } = await this.#send(method, `/api/v5${path}${search}`, body, waitMs)
    const answer = readJson(text)
    if (answer.type === 'none' && status >= 200 && status < 300) return undefined
    if (answer.type === 'json' && status >= 200 && status < 300) return answer.value
    throw this.#refusal(status, answer.type === 'json' ? answer.value : undefined)
  }

  #send(method: Method, path: string, body: unknown, waitMs: number): Promise<{ status: number; text: string }> {
    const { url, authorization, ca } = this.#door
    const sent = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    const headers = {
      accept: 'application/json',
      authorization,
      ...(sent === undefined ? {} : { 'content-type': 'application/json', 'content-length': sent.length }),
    }
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => reject(new CommandFailure(1, this.#unreachable(error), { cause: error }))
      const isTls = url.startsWith('https:')
      const request = (isTls ? httpsRequest : httpRequest)(
        `${url}${path}`,
        { method, headers, ...(isTls && ca !== undefined ? { ca } : {}) },
        (response) => {
          readAll(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), failed)
        },
      )
      request.setTimeout(waitMs, () => {
        request.destroy(
          new Error(
            `${url}: no answer for ${waitMs / 1000} s: the node hangs, or something between swallows what is sent`,
          ),
        )
      })
      request.once('error', failed)
      request.end(sent)
    })
  }

  #unreachable(error: Error): string {
    const { url, foundIn } = this.#door
    const code = 'code' in error ? String(error.code) : ''
    const where = foundIn.type === 'token_file' ? ` (from ${foundIn.file})` : ''
    switch (code) {
      case 'ECONNREFUSED':
        return foundIn.type === 'token_file'
          ? `${url}: nobody listens there. ${foundIn.file} was left by a node that is gone: start it again`
          : `${url}: nobody listens there: does the node run, and is this its dashboard.listeners.http.bind? A port alone is bound to 127.0.0.1`
      case 'ENOTFOUND':
      case 'EAI_AGAIN':
        return `${url}: this name has no address (${code}): is it spelled right?`
      case 'ECONNRESET':
      case 'EPIPE':
        return `${url}${where}: the connection was closed before an answer came: does the node end just now, or does it speak ${url.startsWith('https:') ? 'no TLS' : 'TLS (https://)'} there?`
      case 'EHOSTUNREACH':
      case 'ENETUNREACH':
      case 'ETIMEDOUT':
        return `${url}: no way there (${code}): is a firewall or another network between?`
      case 'EPROTO':
        return `${url}: no TLS is spoken there: write http:// instead of https://`
      case 'ERR_TLS_CERT_ALTNAME_INVALID':
        return `${url}: the certificate there is for another name: ${error.message}`
      case 'CERT_HAS_EXPIRED':
        return `${url}: the certificate there has expired`
      case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      case 'SELF_SIGNED_CERT_IN_CHAIN':
      case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
        return `${url}: the certificate there is signed by an authority that is not known here: name its file with --cacert`
      default:
        if (code.startsWith('HPE_')) return `${url}${where}: no HTTP is spoken there: is this the port of the API?`
        return error.message.startsWith(url) ? error.message : `${url}${where}: ${error.message}`
    }
  }

  #refusal(status: number, answer: unknown): CommandFailure {
    const { url, foundIn } = this.#door
    if (!isFields(answer) || typeof answer['message'] !== 'string')
      return new CommandFailure(
        1,
        `${url}: what answers there (status ${status}) is no API of Isthmus: is it the right port?`,
      )
    const code = String(answer['code'])
    const message = `${answer['message']}${this.#remedy(code)}`
    if (status === 401 && foundIn.type === 'token_file') {
      const words = `${url} does not believe the token of ${foundIn.file}: it is of an earlier run, and another node listens there now`
      return new ApiFailure(status, code, words, [])
    }
    return new ApiFailure(status, code, message, fieldErrors(answer['errors']))
  }

  /** What this door has to do with it, after the node's own words. */
  #remedy(code: string): string {
    const { url, foundIn } = this.#door
    if (foundIn.type !== 'key') return ''
    if (code === 'BAD_API_KEY_OR_SECRET')
      return `: ${url} does not know the API key ${foundIn.key}, or its secret is another, or it was disabled or has expired`
    if (code === 'API_KEY_NOT_ALLOW') return '; or say it on the node’s own machine, with --config or --data-dir'
    if (code === 'UNAUTHORIZED_ROLE') return ` (the API key ${foundIn.key} is a viewer’s)`
    return ''
  }
}

/** A part of a path, such as a name: `/cluster/links/${segment(name)}`. */
export const segment = (text: string): string => encodeURIComponent(text)

function fieldErrors(errors: unknown): ApiFailure['errors'] {
  if (!Array.isArray(errors)) return []
  return errors.filter(isFields).map(({ field, message }) => ({ field: String(field), message: String(message) }))
}

type Read = { readonly type: 'json'; readonly value: unknown } | { readonly type: 'none' | 'other' }

function readJson(text: string): Read {
  if (text === '') return { type: 'none' }
  try {
    return { type: 'json', value: JSON.parse(text) as unknown }
  } catch (error) {
    if (error instanceof SyntaxError) return { type: 'other' }
    throw error
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
