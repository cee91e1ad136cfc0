/** `isthmus completion SHELL`, and what the script that it prints asks at each TAB. */
import { command, type CommandGroup } from '../command.ts'

const shells = ['bash', 'zsh', 'fish'] as const

export const completionCommand = command({
  name: 'completion',
  summary: 'a script by which a shell completes commands, options and names of links',
  about: [
    'bash: add to ~/.bashrc:                    source <(isthmus completion bash)',
    'zsh:  add to ~/.zshrc, behind compinit:    source <(isthmus completion zsh)',
    'fish: isthmus completion fish > ~/.config/fish/completions/isthmus.fish',
  ],
  arguments: [{ name: 'SHELL', words: shells }],
  options: {},
  examples: ['completion bash > ~/.local/share/bash-completion/completions/isthmus'],
  run: async ({ arguments: { shell } }, { out }) => {
    out.write((await import('./scripts.ts')).scriptFor(shell))
    return 0
  },
})

/** @param all the command that it is a part of, with everything else in it */
export const wordsCommand = (all: () => CommandGroup) =>
  command({
    name: '__complete',
    summary: 'what may stand in the place of the last word',
    hidden: true,
    arguments: [{ name: 'WORDS', many: true, optional: true }],
    options: {},
    examples: [],
    run: async ({ arguments: { words } }, terminal) => (await import('./complete.ts')).complete(all(), words, terminal),
  })
