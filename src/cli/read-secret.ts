/** Passwords: from a file, a pipe or a person; on the command line only with a warning. */
import { readFileSync } from 'node:fs'
import { CommandFailure } from './command-failure.ts'
import { askSecret, hasPerson } from './prompt.ts'
import type { Terminal } from './terminal.ts'

/** Longer ones are no passwords, but a file that was meant for something else. */
const BYTES_MAX = 64 * 1024

export const passwordOptions = {
  'password-file': { kind: 'text', value: 'FILE', complete: 'file', help: 'its first line; - reads standard input' },
  password: { kind: 'text', value: 'TEXT', help: 'others on this machine can see it: better a file, or to be asked' },
} as const

export type SecretGiven = { readonly 'password-file': string | undefined; readonly password: string | undefined }

/** What the options say; `undefined` if they say nothing. */
export async function givenSecret(given: SecretGiven, terminal: Terminal): Promise<string | undefined> {
  const { 'password-file': file, password } = given
  if (file !== undefined && password !== undefined)
    throw new CommandFailure(2, 'say one of --password-file and --password')
  if (password !== undefined) {
    warnOfArgv(terminal, '--password', '--password-file FILE')
    return password
  }
  return file === undefined ? undefined : firstLine(await readInput(file, '--password-file', terminal), file)
}

/** As the options say, or from the person at the terminal. Rejects with `CommandFailure` if there is none. */
export async function neededSecret(given: SecretGiven, question: string, terminal: Terminal): Promise<string> {
  const secret = await givenSecret(given, terminal)
  if (secret !== undefined) return secret
  if (!hasPerson(terminal))
    throw new CommandFailure(2, 'the password is missing: --password-file FILE names its file, - standard input')
  const first = await askSecret(terminal, `${question}: `)
  if (first === '') throw new CommandFailure(2, 'the password is empty')
  if (first !== (await askSecret(terminal, 'once more: '))) throw new CommandFailure(2, 'these are two passwords')
  return first
}

export function warnOfArgv({ complaints }: Pick<Terminal, 'complaints'>, option: string, better: string): void {
  complaints.write(
    `isthmus: ${option}: everybody on this machine can see it in the list of processes; ${better} is better\n`,
  )
}

/** A file, or standard input for `-`. */
export async function readInput(file: string, option: string, { input }: Pick<Terminal, 'input'>): Promise<string> {
  if (file !== '-') {
    try {
      return readFileSync(file, 'utf8')
    } catch (error) {
      const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
      const reason = isMissing ? 'there is no such file' : error instanceof Error ? error.message : String(error)
      throw new CommandFailure(2, `${option} ${file}: ${reason}`, { cause: error })
    }
  }
  const chunks: Buffer[] = []
  for await (const chunk of input as AsyncIterable<Buffer | string>) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString()
}

function firstLine(text: string, file: string): string {
  const [line = ''] = text.split(/\r?\n/, 1)
  if (line === '') throw new CommandFailure(2, `--password-file ${file}: its first line is empty`)
  if (Buffer.byteLength(line) > BYTES_MAX) throw new CommandFailure(2, `--password-file ${file}: this is no password`)
  return line
}
