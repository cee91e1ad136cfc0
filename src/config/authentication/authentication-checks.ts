/** What in `authentication` does not go together, and what will not be as somebody may think. */
import type { Finding, Remark } from '../config-issues.ts'
import { isSection, type KeyPath, valueAt } from '../key-path.ts'
import { listenerTypes } from '../listeners/listener-config.ts'
import { idleTlsKeys } from '../tls-checks.ts'

/** A client is asked at all only if there is somebody to ask. */
export function authenticationFindings(raw: unknown): Finding[] {
  const chain = valueAt(raw, ['authentication'])
  if (Array.isArray(chain) && chain.length > 0) return []
  return listenerTypes.flatMap((type) => {
    const listeners = valueAt(raw, ['listeners', type])
    return Object.keys(isSection(listeners) ? listeners : {}).flatMap((name): Finding[] => {
      const path = ['listeners', type, name, 'enable_authn']
      if (valueAt(raw, path) !== 'quick_deny_anonymous') return []
      const message =
        'has nothing to be quicker than: authentication is empty, so nobody is asked; add an authenticator'
      return [{ path, value: 'quick_deny_anonymous', reason: 'bad_value', message }]
    })
  })
}

export function authenticationRemarks(written: readonly unknown[]): Remark[] {
  return [
    ...written.flatMap((authenticator, index) => [
      ...idleRemarks(authenticator, ['authentication', index]),
      ...hashRemarks(authenticator, ['authentication', index]),
    ]),
    ...disabledRemarks(written),
  ]
}

function idleRemarks(authenticator: unknown, path: KeyPath): Remark[] {
  return idleKeys
    .filter((key) => valueAt(authenticator, key.path) !== undefined)
    .map((key): Remark => {
      const message = `has no effect here: ${key.because}`
      return { path: [...path, ...key.path], reason: 'no_effect', message }
    })
}

const idleKeys: readonly { readonly path: KeyPath; readonly because: string }[] = [
  ...idleTlsKeys,
  { path: ['connect_timeout'], because: 'request_timeout bounds the whole request' },
  { path: ['enable_pipelining'], because: 'a connection carries one request at a time' },
  { path: ['max_inactive'], because: 'the server says how long an idle connection lives' },
  { path: ['pool_type'], because: 'any free connection is taken' },
]

const weakHashes: readonly unknown[] = ['plain', 'md5', 'sha']

function hashRemarks(authenticator: unknown, path: KeyPath): Remark[] {
  const name = valueAt(authenticator, ['password_hash_algorithm', 'name'])
  if (!weakHashes.includes(name)) return []
  const message =
    'whoever sees the stored users has their passwords; take bcrypt, pbkdf2 or scrypt unless others read them'
  return [{ path: [...path, 'password_hash_algorithm', 'name'], reason: 'weak_password_hash', message }]
}

/** EMQX would let everybody in. */
function disabledRemarks(written: readonly unknown[]): Remark[] {
  if (written.length === 0 || !written.every(isOff)) return []
  const message = 'every authenticator is switched off, so nobody may connect; for everybody, leave the list empty'
  return [{ path: ['authentication'], reason: 'nobody_admitted', message }]
}

function isOff(authenticator: unknown): boolean {
  const enable = valueAt(authenticator, ['enable'])
  return enable === false || enable === 'false'
}
