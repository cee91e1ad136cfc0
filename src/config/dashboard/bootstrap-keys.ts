/** The API keys of a `bootstrap_file`, as EMQX has it: a line each, `key:secret` or `key:secret:role`. Pure. */

export type BootstrapKey = {
  readonly key: string
  readonly secret: string
  readonly role: 'administrator' | 'viewer'
}

/** Never shows what the line holds: it may be a secret. `line` counts from 1. */
export type BootstrapKeyProblem = { readonly line: number; readonly message: string }

export type BootstrapKeysResult =
  | { readonly type: 'ok'; readonly keys: readonly BootstrapKey[] }
  | { readonly type: 'invalid'; readonly problems: readonly BootstrapKeyProblem[] }

/** What can be the name of a key, which is sent before a colon. */
export const API_KEY = /^[A-Za-z0-9._@-]{1,256}$/

/** Lines that are empty or begin with `#` say nothing. */
export function parseBootstrapKeys(text: string): BootstrapKeysResult {
  const problems: BootstrapKeyProblem[] = []
  const keys = new Map<string, BootstrapKey & { readonly line: number }>()
  for (const [index, written] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const line = index + 1
    const trimmed = written.trim()
    if (trimmed === '' || trimmed.startsWith('#')) continue
    const read = readLine(trimmed)
    const first = typeof read === 'string' ? undefined : keys.get(read.key)
    if (typeof read === 'string') problems.push({ line, message: read })
    else if (first !== undefined) problems.push({ line, message: `this key stands in line ${first.line} already` })
    else keys.set(read.key, { ...read, line })
  }
  if (problems.length > 0) return { type: 'invalid', problems }
  return { type: 'ok', keys: [...keys.values()].map(({ key, secret, role }) => ({ key, secret, role })) }
}

function readLine(line: string): BootstrapKey | string {
  const [key = '', secret = '', role = 'administrator', ...more] = line.split(':')
  if (secret === '' || more.length > 0) return 'expected key:secret or key:secret:role'
  if (!API_KEY.test(key)) return 'a key is at most 256 letters, digits, `.`, `_`, `-` and `@`'
  if (role === 'publisher')
    return 'the role publisher is for EMQX, whose API publishes; here it is administrator or viewer'
  if (role !== 'administrator' && role !== 'viewer') return 'the role is administrator or viewer'
  return { key, secret, role }
}
