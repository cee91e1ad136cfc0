/** Durations as EMQX writes them: `15s`, `10ms`, `1h30m`, `1.5s`; a bare number is milliseconds. */

/** The longest wait for a timer: one of Node fires at once if it is to wait for 2^31 ms (24.8 days) or more. */
export const timerMsMax = 24 * 86_400_000

/** Milliseconds, rounded up to a whole one; `undefined` for what is no duration. `infinity` is the caller's to allow. */
export function parseDuration(written: string | number): number | undefined {
  if (typeof written === 'number') return Number.isFinite(written) && written >= 0 ? Math.ceil(written) : undefined
  const text = written.trim().toLowerCase()
  if (bareNumber.test(text)) return Math.ceil(Number(text))
  const parts = duration.exec(text)
  if (text === '' || parts === null) return undefined
  const ms = unitMs.reduce((sum, unit, index) => sum + Number(parts[index + 1] ?? 0) * unit, 0)
  // 0.1 s and the like are not exact in binary: a whole number of microseconds is, nearly enough.
  return Math.ceil(Math.round(ms * 1000) / 1000)
}

/** The shortest way to write so many milliseconds: `1h30m`, `15s`, `infinity`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return 'infinity'
  if (ms === 0) return '0ms'
  let rest = ms
  return unitMs
    .map((unit, index) => {
      const count = Math.floor(rest / unit)
      rest -= count * unit
      return count === 0 ? '' : `${count}${unitNames[index]}`
    })
    .join('')
}

const bareNumber = /^\d+(?:\.\d+)?$/
const unitNames = ['d', 'h', 'm', 's', 'ms'] as const
const unitMs = [86_400_000, 3_600_000, 60_000, 1000, 1] as const
/** Each unit at most once, the longest first. */
const duration = new RegExp(`^${unitNames.map((unit) => `(?:(\\d+(?:\\.\\d+)?)\\s*${unit}\\s*)?`).join('')}$`)
