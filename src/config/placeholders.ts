/** The placeholders of EMQX that an authenticator's texts may hold: `${username}`. */
import { alternatives } from './fields.ts'

const known = [
  'username',
  'password',
  'clientid',
  'peerhost',
  'peerport',
  'listener',
  'cert_common_name',
  'cert_subject',
] as const

/** Says what is wrong with the placeholders of a text, if anything is. */
export function placeholderProblem(text: string, allowed: readonly string[] = known): string | undefined {
  const wrong = [...text.matchAll(/\$\{([^}]*)\}?/g)].find(
    ([whole, name = '']) => !whole.endsWith('}') || !allowed.includes(name),
  )
  if (wrong === undefined) return undefined
  return `${wrong[0]} is no placeholder here; there is ${alternatives(allowed.map((name) => `\${${name}}`))}`
}
