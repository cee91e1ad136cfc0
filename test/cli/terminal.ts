/** A terminal for tests, or what stands for one in a script. */
import { PassThrough } from 'node:stream'
import { runCommandLine } from '../../src/cli/run-command-line.ts'

export type Ran = { readonly code: number; readonly out: string; readonly complaints: string }

export type How = {
  /** Whether somebody sits there. */
  readonly isTTY?: boolean
  /** What is piped in. */
  readonly input?: string
  /** What a person answers, question by question. */
  readonly answers?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** Runs `isthmus` in this process. */
export async function run(
  args: readonly string[],
  { isTTY = false, input, answers = [], env = {} }: How = {},
): Promise<Ran> {
  const said = { out: '', complaints: '' }
  const stdin = Object.assign(new PassThrough(), { isTTY })
  if (input !== undefined) stdin.end(input)
  const left = [...answers]
  const code = await runCommandLine(args, {
    out: { isTTY, write: (text) => (said.out += text) },
    complaints: {
      isTTY,
      write: (text) => {
        said.complaints += text
        // A question ends without a line end; what is typed comes a moment later.
        if (/[:\]] $/.test(text) && left.length > 0) setImmediate(() => stdin.write(`${left.shift()}\r`))
      },
    },
    input: stdin,
    env: { NO_COLOR: '1', ...env },
  })
  return { code, ...said }
}
