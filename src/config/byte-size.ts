/** Sizes as EMQX writes them: `256MB`, `1KB`; units are powers of 1024, a bare number is bytes. */

/** Whole bytes, or `undefined` for what is no size. */
export function parseByteSize(written: string | number): number | undefined {
  if (typeof written === 'number') return Number.isSafeInteger(written) && written >= 0 ? written : undefined
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?b)?$/.exec(written.trim().toLowerCase())
  if (match === null) return undefined
  const bytes = Math.ceil(Number(match[1]) * 1024 ** units.indexOf(match[2] ?? 'b'))
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** `268435456` is `256MB`; what is no whole number of a unit is said in the next smaller one. */
export function formatByteSize(bytes: number): string {
  const power = units.findLastIndex((_, index) => bytes > 0 && bytes % 1024 ** index === 0)
  return power <= 0 ? `${bytes}B` : `${bytes / 1024 ** power}${units[power]?.toUpperCase()}`
}

const units = ['b', 'kb', 'mb', 'gb', 'tb']
