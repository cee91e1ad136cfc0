/** Where a command is read and written: a terminal, or files and pipes. */
import type { Readable } from 'node:stream'

export type Output = {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export type Terminal = {
  readonly out: Output
  readonly complaints: Output
  readonly input: Input
  readonly env: Readonly<Record<string, string | undefined>>
}

/** `process.stdin` is one. */
export type Input = Readable & { readonly isTTY?: boolean; setRawMode?(isRaw: boolean): unknown }

export const processTerminal: Terminal = {
  out: process.stdout,
  complaints: process.stderr,
  // Made when it is looked at: a command that reads nothing leaves it alone.
  get input() {
    return process.stdin
  },
  env: process.env,
}
