/** What sockets fail with, in the words of Node. */

const numbers = { ECONNRESET: -104, ETIMEDOUT: -110, ECONNREFUSED: -111, ENOTFOUND: -3008 } as const

export type SocketErrorCode = keyof typeof numbers

export type Address = { readonly host: string; readonly port: number }

/** While connecting. */
export function connectError(code: SocketErrorCode, { host, port }: Address): NodeJS.ErrnoException {
  if (code === 'ENOTFOUND') {
    const syscall = 'getaddrinfo'
    return Object.assign(new Error(`${syscall} ${code} ${host}`), {
      errno: numbers[code],
      code,
      syscall,
      hostname: host,
    })
  }
  const syscall = 'connect'
  const message = `${syscall} ${code} ${host}:${port}`
  return Object.assign(new Error(message), { errno: numbers[code], code, syscall, address: host, port })
}

/** Of a connection that was there. */
export function readError(code: SocketErrorCode): NodeJS.ErrnoException {
  const syscall = 'read'
  return Object.assign(new Error(`${syscall} ${code}`), { errno: numbers[code], code, syscall })
}
