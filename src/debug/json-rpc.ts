/** JSON-RPC 2.0 as it goes over the debug socket: one object a line. Source: https://www.jsonrpc.org/specification */

export type RequestId = string | number | null

export type RpcRequest = {
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
  /** `undefined` for a notification, which is not answered. */
  readonly id: RequestId | undefined
}

export type RpcErrorCode = (typeof rpcErrorCode)[keyof typeof rpcErrorCode]

export const rpcErrorCode = {
  parseError: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internalError: -32_603,
  /** Ours: there is no such actor, link, ... */
  notFound: -32_001,
  /** Ours: it is there and can't be done, now or on this node. */
  refused: -32_002,
  /** Ours: too long a line, too many connections. */
  limit: -32_003,
} as const

/** What is wrong with a request, in words for the person who made it. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly code: RpcErrorCode
  constructor(code: RpcErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export type Reading =
  | { readonly type: 'request'; readonly request: RpcRequest }
  | { readonly type: 'invalid'; readonly id: RequestId; readonly error: RpcError }

/** Reads one line. */
export function readRequest(line: string): Reading {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    const words = `this is no JSON: ${error instanceof Error ? error.message : String(error)}`
    return { type: 'invalid', id: null, error: new RpcError(rpcErrorCode.parseError, words) }
  }
  if (Array.isArray(value)) return invalid(null, 'one object a line: batches are not taken')
  if (!isObject(value))
    return invalid(null, 'expected an object such as {"jsonrpc":"2.0","id":1,"method":"links.list"}')
  const { jsonrpc, method, params = {}, id } = value
  if (id !== undefined && !isId(id)) return invalid(null, '`id` is neither a string nor a number')
  if (jsonrpc !== '2.0') return invalid(id ?? null, '`jsonrpc` is not "2.0"')
  if (typeof method !== 'string') return invalid(id ?? null, '`method` is no string')
  if (!isObject(params)) return invalid(id ?? null, '`params` is no object: parameters go by name')
  return { type: 'request', request: { method, params, id } }
}

function invalid(id: RequestId, words: string): Reading {
  return { type: 'invalid', id, error: new RpcError(rpcErrorCode.invalidRequest, words) }
}

function isId(value: unknown): value is RequestId {
  return value === null || typeof value === 'string' || typeof value === 'number'
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function resultLine(id: RequestId, result: unknown): string {
  return lineOf({ id, result })
}

/** What is no `RpcError` is a fault of ours; its words are told, too: whoever reads them may see everything anyway. */
export function errorLine(id: RequestId, error: unknown): string {
  const code = error instanceof RpcError ? error.code : rpcErrorCode.internalError
  const message = error instanceof Error ? error.message : String(error)
  return lineOf({ id, error: { code, message } })
}

export function notificationLine(method: string, params: object): string {
  return lineOf({ method, params })
}

function lineOf(body: object): string {
  return `${JSON.stringify({ jsonrpc: '2.0', ...body }, withInfinity)}\n`
}

/** A limit that is switched off is `infinity`, as in the configuration: JSON has no number for it. */
function withInfinity(_key: string, value: unknown): unknown {
  return value === Number.POSITIVE_INFINITY ? 'infinity' : value
}
