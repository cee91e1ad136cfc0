/** Requests to JetStream as a register needs them: an answer, an error with JetStream's own number, or none in time. */
import { headers, type Msg, type MsgHdrs, type NatsConnection, type RequestOptions } from 'nats'
import { ClusterError } from '../cluster-error.ts'

/** Numbers of JetStream's errors (nats-server `server/errors.json`). */
export const jetStreamErrors = {
  insufficientResources: 10023,
  noSuitablePeers: 10005,
  notEnabled: 10076,
  notEnabledForAccount: 10039,
  messageNotFound: 10037,
  replicasNotSupported: 10074,
  streamNotFound: 10059,
  streamNameInUse: 10058,
  wrongLastSequence: 10071,
} as const

/** JetStream's refusal of one request. */
export class JetStreamRefusal extends Error {
  override readonly name = 'JetStreamRefusal'
  readonly number: number

  constructor(number: number, message: string) {
    super(message)
    this.number = number
  }
}

/** Nobody answers on this subject: no stream has it, or there is no JetStream. */
export class NoResponders extends Error {
  override readonly name = 'NoResponders'
}

export type JetStreamRequest = {
  readonly subject: string
  readonly body?: object
  readonly payload?: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Resolves with the answer, a JSON object. Rejects with `JetStreamRefusal`, `NoResponders`, `RangeError`, or with `ClusterError`
 * `COORDINATION_LOST` when no answer comes in time and `COORDINATION_REFUSED` when the user may not ask.
 */
export async function askJetStream(
  nc: NatsConnection,
  { subject, body, payload, headers: fields }: JetStreamRequest,
  timeoutMs: number,
): Promise<Record<string, unknown>> {
  if (timeoutMs <= 0 || nc.isClosed() || nc.isDraining()) throw lost(undefined)
  const options: RequestOptions = { timeout: timeoutMs }
  if (fields !== undefined) options.headers = natsHeaders(fields)
  let answer: Msg
  try {
    answer = await nc.request(subject, payload ?? (body === undefined ? '' : JSON.stringify(body)), options)
  } catch (error) {
    throw failure(error, subject)
  }
  const found = readJson(answer.data)
  if (!isObject(found)) throw lost(new Error(`no JSON object in the answer on ${subject}`))
  const refused = found['error']
  if (isObject(refused)) throw new JetStreamRefusal(Number(refused['err_code']), String(refused['description']))
  return found
}

function natsHeaders(fields: Readonly<Record<string, string>>): MsgHdrs {
  const made = headers()
  for (const [name, value] of Object.entries(fields)) made.set(name, value)
  return made
}

function failure(error: unknown, subject: string): Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === '503') return new NoResponders(subject)
  if (code === 'PERMISSIONS_VIOLATION') {
    const message = `cluster.nats: the user has no right to ${subject}`
    return new ClusterError('COORDINATION_REFUSED', message, { cause: error })
  }
  if (code === 'MAX_PAYLOAD_EXCEEDED') return new RangeError(`too long for NATS: ${subject}`)
  return lost(error)
}

function lost(cause: unknown): ClusterError {
  return new ClusterError('COORDINATION_LOST', 'no answer from NATS in time', { cause })
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
}
