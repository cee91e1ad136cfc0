/**
 * The debug socket: a Unix socket of the node's owner alone, on which people and tools look into a running node. It looks and does
 * not touch, but for the level of the log and, where the configuration allows it, faults.
 */
import { lstat, mkdir, unlink } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { DebugConnection } from './debug-connection.ts'
import type { DebugPort } from './debug-port.ts'
import { errorLine, RpcError, rpcErrorCode } from './json-rpc.ts'

export type DebugSocketErrorCode =
  /** A process answers there. */
  | 'DEBUG_SOCKET_IN_USE'
  /** No socket can be made there: no right to, no such directory, something else is there. */
  | 'DEBUG_SOCKET_UNUSABLE'

/** `debug.socket` can't be opened, in words for the person who wrote it. */
export class DebugSocketError extends Error {
  override readonly name = 'DebugSocketError'
  readonly code: DebugSocketErrorCode
  constructor(code: DebugSocketErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export const connectionsMax = 16

/** The kernel's limit for the name of a Unix socket, without the zero at its end; a longer one might be cut off silently. */
const pathBytesMax = process.platform === 'linux' ? 107 : 103

/** For the owner alone, from the first moment. */
const ownerOnly = 0o177

export class DebugSocket {
  readonly #path: string
  readonly #port: DebugPort
  readonly #connections = new Map<Socket, DebugConnection>()
  #server: Server | undefined

  constructor(path: string, port: DebugPort) {
    this.#path = path
    this.#port = port
  }

  /** Rejects with `DebugSocketError`. What a process that is dead has left there is replaced. */
  async open(): Promise<void> {
    const path = this.#path
    if (Buffer.byteLength(path) > pathBytesMax)
      throw unusable(path, `a socket's name may have ${pathBytesMax} bytes; choose a shorter one`)
    await removeStale(path)
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#welcome(socket))
    await listen(server, path)
    this.#server = server
  }

  /** Everybody is disconnected, and the file is gone. */
  async close(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of this.#connections.keys()) socket.destroy()
    await closed
  }

  #welcome(socket: Socket): void {
    if (this.#connections.size >= connectionsMax) {
      socket.on('error', () => socket.destroy())
      const error = new RpcError(rpcErrorCode.limit, `there are ${connectionsMax} connections already`)
      // Whoever does not go by itself is not waited for.
      socket.end(errorLine(null, error), () => socket.destroy())
      return
    }
    this.#connections.set(socket, new DebugConnection(socket, this.#port))
    socket.once('close', () => this.#connections.delete(socket))
  }
}

/** Removes the socket of a process that is gone; one on which somebody answers, or what is no socket, is an error. */
async function removeStale(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    if (!(await lstat(path)).isSocket()) throw unusable(path, 'something that is no socket has this name')
    if (await isAnswered(path)) {
      const words = `debug.socket ${path}: another process answers there; each node needs a socket of its own`
      throw new DebugSocketError('DEBUG_SOCKET_IN_USE', words)
    }
    await unlink(path)
  } catch (error) {
    if (isNothingThere(error)) return
    throw error instanceof DebugSocketError ? error : unusable(path, wordsOf(error), error)
  }
}

/** Rejects with what keeps us from finding out. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve(false)
      // Somebody listens who is too busy to answer.
      else if (error.code === 'EAGAIN') resolve(true)
      else reject(error)
    })
  })
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = (error: Error): void => reject(unusable(path, wordsOf(error), error))
    server.once('error', refused)
    server.once('listening', () => {
      server.off('error', refused)
      // Who could not be let in, for want of file descriptors say, sees it, and may try again.
      server.on('error', toBeTriedAgain)
      resolve()
    })
    // The file is made before `listen` returns. Made first and restricted then, it would be open to others for a moment.
    const before = process.umask(ownerOnly)
    try {
      server.listen(path)
    } finally {
      process.umask(before)
    }
  })
}

const toBeTriedAgain = (): void => undefined

function isNothingThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

function unusable(path: string, words: string, cause?: unknown): DebugSocketError {
  return new DebugSocketError('DEBUG_SOCKET_UNUSABLE', `debug.socket ${path}: ${words}`, { cause })
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
