/** The claims of a token whose signature is good (RFC 7519, 4), and what of them becomes the client's. Pure. */

export type Claims = Readonly<Record<string, unknown>>

/** A token may seem to be issued so long from now: its issuer's clock need not be ours. Milliseconds. */
const ISSUED_AHEAD_MS_MAX = 60_000

/**
 * Says what is wrong with the claims, if anything is.
 * @param expected claims that must be there, with these values; `aud` may be one of several
 */
export function claimsProblem(
  claims: Claims,
  expected: Readonly<Record<string, string>>,
  nowMs: number,
): string | undefined {
  const exp = timeOf(claims['exp'])
  if (exp !== undefined && !(nowMs < exp)) return 'the token has expired (exp)'
  const nbf = timeOf(claims['nbf'])
  if (nbf !== undefined && !(nbf <= nowMs)) return 'the token is not valid yet (nbf)'
  const iat = timeOf(claims['iat'])
  if (iat !== undefined && !(iat <= nowMs + ISSUED_AHEAD_MS_MAX)) return 'the token was issued in the future (iat)'
  for (const [name, value] of Object.entries(expected)) {
    const said = Object.hasOwn(claims, name) ? claims[name] : undefined
    if (said === undefined) return `the token lacks the claim ${name}`
    const isFit = name === 'aud' && Array.isArray(said) ? value !== '' && said.includes(value) : said === value
    if (!isFit) return `the claim ${name} does not fit`
  }
  return undefined
}

/** When the token expires, milliseconds since 1970. */
export function expiryOf(claims: Claims): number | undefined {
  return timeOf(claims['exp'])
}

/** Milliseconds of seconds; as EMQX, a number in text counts. What is no number is no time that one could be before or after. */
function timeOf(seconds: unknown): number | undefined {
  if (seconds === undefined) return undefined
  if (typeof seconds === 'number') return seconds * 1000
  return typeof seconds === 'string' && /^\d+(\.\d+)?$/.test(seconds) ? Number(seconds) * 1000 : Number.NaN
}

/** EMQX's reading of `is_superuser`: true, a number from 1, or either in text. */
export function isTrue(value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 1
  if (typeof value === 'string') return value === 'true' || (/^\d+$/.test(value) && Number(value) >= 1)
  return value === true
}

/** `client_attrs`: names of letters, digits, `_` and `-`, and text; what is anything else is left out. */
export function attributesOf(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {}
  const entries = Object.entries(value).filter((entry): entry is [string, string] => {
    return /^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(entry[0]) && typeof entry[1] === 'string'
  })
  return Object.fromEntries(entries)
}
