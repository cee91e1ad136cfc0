/** What of a request may be written down: no secrets, no payloads, and not more than a little. Pure. */

const MASK = '******'
const SECRET = /pass(?:word|wd|phrase)?$|pwd|secret|token|key_?file|private_?key|credential|authorization|^payload$/i
/** Longest text, entries of one list or section, and depth that are kept. */
const TEXT_MAX = 200
const ENTRIES_MAX = 50
const DEPTH_MAX = 6
/** Of the whole, as JSON. */
const JSON_MAX = 4_096

/** A copy with secrets masked; of what is too large only that. */
export function redacted(body: unknown): unknown {
  if (body === undefined || body === null) return undefined
  const copy = redact(body, 0)
  const bytes = Buffer.byteLength(JSON.stringify(copy))
  return bytes > JSON_MAX ? { left_out: `${bytes} bytes` } : copy
}

function redact(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= DEPTH_MAX) return '...'
  if (Array.isArray(value)) return value.slice(0, ENTRIES_MAX).map((entry: unknown) => redact(entry, depth + 1))
  const entries = Object.entries(value).slice(0, ENTRIES_MAX)
  return Object.fromEntries(
    entries.map(([key, entry]: [string, unknown]) => [
      key.slice(0, TEXT_MAX),
      SECRET.test(key) && entry !== null && typeof entry !== 'boolean' ? MASK : redact(entry, depth + 1),
    ]),
  )
}

/** A key in PEM, or a password in an address, may stand under any name. */
function redactText(text: string): string {
  if (text.includes('-----BEGIN')) return MASK
  const masked = text.replaceAll(/\/\/[^/@\s]*@/g, `//${MASK}@`)
  return masked.length > TEXT_MAX ? `${masked.slice(0, TEXT_MAX)}...` : masked
}
