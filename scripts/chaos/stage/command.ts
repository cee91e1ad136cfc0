/** Programs of the machine that the stage asks for something: `openssl`, `ip`, `tc`, `mount`. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** Where Debian keeps what only administrators have in their PATH. */
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`

/** Resolves with what it said; throws what it complained about. */
export async function ask(program: string, ...args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run(program, args, { env: { ...process.env, PATH } })
    return stdout
  } catch (error) {
    const complaint = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : ''
    throw new Error(`${program} ${args.join(' ')}: ${complaint || String(error)}`, { cause: error })
  }
}

/** What this machine does not let us do, so that a scenario can not be staged here. */
export class NotHere extends Error {
  override readonly name = 'NotHere'
}

/** Throws `NotHere`, with these words first, if one of the commands fails. */
export async function orNotHere(what: string, act: () => Promise<unknown>): Promise<void> {
  try {
    await act()
  } catch (error) {
    throw new NotHere(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
