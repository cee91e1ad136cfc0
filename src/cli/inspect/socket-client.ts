/** Asks a node over its debug socket: JSON-RPC 2.0, one object a line. */
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { type Fields, isFields } from '../fields.ts'
import { CommandFailure } from '../command-failure.ts'

export type Notification = { readonly method: string; readonly params: Fields }

/** A node answers within a fifth of a second; one that takes so long is stuck. */
const ANSWER_MS = 10_000

type Waiting = { readonly resolve: (result: Fields) => void; readonly reject: (error: Error) => void }

export class SocketClient {
  readonly #path: string
  readonly #socket: Socket
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  /** Called for whatever comes that is no answer. */
  onNotification: (notification: Notification) => void = () => {}
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>

  private constructor(path: string, socket: Socket) {
    this.#path = path
    this.#socket = socket
    const lines = createInterface({ input: socket }).on('line', (line) => this.#take(line))
    // What is to be said about it `close` says. The lines tell of their socket's errors once more.
    for (const source of [socket, lines]) source.on('error', () => socket.destroy())
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#failAll(new CommandFailure(1, `${path}: the node has closed the connection`))
        resolve()
      })
    })
  }

  /** Rejects with `CommandFailure`, whose words say what to do. */
  static open(path: string): Promise<SocketClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(path)
      const refused = (error: NodeJS.ErrnoException): void => reject(new CommandFailure(1, wordsOf(path, error)))
      socket.once('error', refused)
      socket.once('connect', () => {
        socket.off('error', refused)
        resolve(new SocketClient(path, socket))
      })
    })
  }

  /** Rejects with `CommandFailure` for what the node refuses, or if it does not answer. */
  async call(method: string, params: Fields = {}): Promise<Fields> {
    const id = ++this.#lastId
    const answer = new Promise<Fields>((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
    this.#socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
    const late = setTimeout(() => {
      this.#failAll(new CommandFailure(1, `${this.#path}: the node does not answer, for ${ANSWER_MS / 1000} s now`))
    }, ANSWER_MS)
    return answer.finally(() => clearTimeout(late))
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(line: string): void {
    const message = parse(line)
    if (message === undefined) return this.#failAll(new CommandFailure(1, `${this.#path}: this is no debug socket`))
    const { id, method, params, result, error } = message
    if (typeof method === 'string') return this.onNotification({ method, params: isFields(params) ? params : {} })
    const failure = isFields(error) ? new CommandFailure(1, String(error['message'])) : undefined
    const waiting = typeof id === 'number' ? this.#waiting.get(id) : undefined
    // An error that answers no request is about the connection itself.
    if (waiting === undefined) return failure === undefined ? undefined : this.#failAll(failure)
    this.#waiting.delete(Number(id))
    if (failure !== undefined) waiting.reject(failure)
    else waiting.resolve(isFields(result) ? result : {})
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

/** `undefined` for what is no JSON object. */
function parse(line: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isFields(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function wordsOf(path: string, { code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ENOENT':
      return `${path}: there is no such socket: does the node run, and with debug.socket in its configuration?`
    case 'ECONNREFUSED':
      return `${path}: nobody answers: the node that made this socket is gone`
    case 'EACCES':
    case 'EPERM':
      return `${path}: no permission: the socket is for the user alone that the node runs as; say it as that user, or as root`
    case 'ENOTSOCK':
      return `${path}: this is no socket`
    case undefined:
    default:
      return `${path}: ${message}`
  }
}
