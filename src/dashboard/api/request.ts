/** Requests to the API of the node that serves this page. */
import { endSession, session } from './session.ts'

/** What the API says when it won't, or that it could not be reached: then `status` is 0. */
export class ApiFault extends Error {
  override readonly name = 'ApiFault'
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

export type RequestOptions = { readonly body?: unknown; readonly signal?: AbortSignal }

/** `cluster/links` -> where it is; the node may stand behind a proxy, under whatever path. */
export function apiUrl(path: string): URL {
  return new URL(`api/v5/${path}`, document.baseURI)
}

export function authorization(): Record<string, string> {
  const token = session.value?.token
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}

/** @returns the body, `undefined` if there is none. A session that is over leads to the login, and from there back to the same page. */
export async function request<Body>(method: Method, path: string, options: RequestOptions = {}): Promise<Body> {
  const { body, signal } = options
  const response = await reach(apiUrl(path), {
    method,
    headers: { ...authorization(), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  })
  if (!response.ok) throw await faultOf(response)
  const text = await response.text()
  return (text === '' ? undefined : JSON.parse(text)) as Body
}

async function reach(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (error) {
    if (init.signal?.aborted) throw error
    throw new ApiFault(0, 'UNREACHABLE', 'The node does not answer.')
  }
}

/** Ends the session if that is what is wrong with it. */
export async function faultOf(response: Response): Promise<ApiFault> {
  const text = await response.text()
  const { code, message } = readFault(text)
  const fault = new ApiFault(response.status, code, message || `${response.status} ${response.statusText}`)
  if (response.status === 401 && session.value !== undefined) endSession('Your session is over: log in again.')
  return fault
}

function readFault(text: string): { code: string; message: string } {
  try {
    const { code, message } = JSON.parse(text) as { code?: unknown; message?: unknown }
    return { code: typeof code === 'string' ? code : '', message: wordsOf(message) }
  } catch {
    // Not from the API: a proxy's page, say.
    return { code: '', message: '' }
  }
}

/** EMQX's messages are sometimes `{ kind, reason }`. */
function wordsOf(message: unknown): string {
  if (typeof message === 'string') return message
  if (typeof message !== 'object' || message === null) return ''
  return 'reason' in message ? wordsOf(message.reason) : JSON.stringify(message)
}

export function wordsOfFault(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** `eu/west` -> as a part of a path */
export const segment = (text: string): string => encodeURIComponent(text)
