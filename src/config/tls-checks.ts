/** `ssl` of whatever connects to somebody else: what EMQX shows in it and Node decides. */
import { isDeepStrictEqual } from 'node:util'
import type { Finding } from './config-issues.ts'
import { type KeyPath, valueAt } from './key-path.ts'

/** Node chooses protocols and ciphers by itself, so that only EMQX's own defaults mean the same here. */
export function tlsFindings(owners: readonly unknown[], base: KeyPath): Finding[] {
  return owners.flatMap((owner, index) => {
    const path = [...base, index, 'ssl']
    const findings: Finding[] = []
    const versions = valueAt(owner, ['ssl', 'versions'])
    if (Array.isArray(versions) && !isDeepStrictEqual(new Set(versions), new Set(['tlsv1.2', 'tlsv1.3']))) {
      const message = 'other versions than ["tlsv1.3", "tlsv1.2"] cannot be chosen in this version of Isthmus'
      findings.push({ path: [...path, 'versions'], reason: 'not_supported', message })
    }
    const ciphers = valueAt(owner, ['ssl', 'ciphers'])
    if (Array.isArray(ciphers) ? ciphers.length > 0 : typeof ciphers === 'string' && ciphers !== '') {
      const message = 'ciphers cannot be chosen in this version of Isthmus; leave the key out'
      findings.push({ path: [...path, 'ciphers'], reason: 'not_supported', message })
    }
    return findings
  })
}

/** Keys without effect, and why. */
export const idleTlsKeys: readonly { readonly path: KeyPath; readonly because: string }[] = [
  ...['versions', 'ciphers'].map((key) => ({ path: ['ssl', key], because: 'Node.js chooses among TLS 1.2 and 1.3' })),
  ...['depth', 'log_level', 'hibernate_after', 'reuse_sessions', 'secure_renegotiate', 'middlebox_comp_mode'].map(
    (key) => {
      return { path: ['ssl', key], because: "it belongs to Erlang's TLS" }
    },
  ),
]
