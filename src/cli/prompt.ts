/** Asks who sits at the terminal. */
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { CommandFailure } from './command-failure.ts'
import type { Options } from './command.ts'
import type { Terminal } from './terminal.ts'

/** Of commands that ask before they do what cannot be undone. */
export const yesOption = { yes: { kind: 'flag', short: 'y', help: 'ask nobody' } } as const satisfies Options

type Person = Pick<Terminal, 'input' | 'complaints'>

/** Rejects with `CommandFailure` if the answer is not yes. */
export async function confirm(terminal: Person, question: string): Promise<void> {
  const answer = await ask(terminal, `${question} [y/N] `, { isHidden: false })
  if (!/^y(?:es)?$/i.test(answer.trim())) throw new CommandFailure(1, 'nothing was changed')
}

/** Nothing of it is shown. Rejects with `CommandFailure` on Ctrl-C. */
export function askSecret(terminal: Person, question: string): Promise<string> {
  return ask(terminal, question, { isHidden: true })
}

/** Whether there is somebody to be asked. */
export function hasPerson({ input, complaints }: Pick<Terminal, 'input' | 'complaints'>): boolean {
  return input.isTTY === true && complaints.isTTY === true
}

/** What is asked goes where complaints go: the output may be a file. */
function ask({ input, complaints }: Person, question: string, { isHidden }: { isHidden: boolean }): Promise<string> {
  // Reading key by key, and showing them nowhere; else the terminal itself shows what is typed.
  const lines = createInterface(isHidden ? { input, output: nowhere(), terminal: true, historySize: 0 } : { input })
  // Not before the terminal has been told to show nothing: who answers at once would be overlooked.
  complaints.write(question)
  return new Promise<string>((resolve, reject) => {
    lines.once('line', resolve)
    for (const end of ['SIGINT', 'close'] as const)
      lines.once(end, () => reject(new CommandFailure(1, 'nothing was changed')))
  }).finally(() => {
    if (isHidden) complaints.write('\n')
    lines.close()
  })
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() })
}
