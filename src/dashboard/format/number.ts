/** Numbers for people. All pure. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

/** 1234567 -> 1,234,567 */
export function count(value: number): string {
  return whole.format(value)
}

/** Four characters at most before the unit: 950, 12.3k, 1.25M */
export function compact(value: number): string {
  return scaled(value, 1_000, ['', 'k', 'M', 'G', 'T'])
}

/** 1536 -> 1.5 KB: of 1,024 bytes each, as in the configuration */
export function bytes(value: number): string {
  return scaled(value, 1_024, [' B', ' KB', ' MB', ' GB', ' TB'])
}

function scaled(value: number, step: number, units: readonly string[]): string {
  if (!Number.isFinite(value)) return '∞'
  let rest = Math.abs(value)
  let at = 0
  for (; rest >= step * 0.9995 && at < units.length - 1; at++) rest /= step
  const digits = at === 0 ? (rest < 10 && !Number.isInteger(rest) ? 1 : 0) : rest < 10 ? 2 : rest < 100 ? 1 : 0
  const text = rest.toFixed(digits)
  return `${value < 0 ? '-' : ''}${text.includes('.') ? text.replace(/\.?0+$/, '') : text}${units[at]}`
}

/** 0.42 -> 0.42 ms; 1234 -> 1.23 s; 90000 -> 1 min 30 s */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return '∞'
  if (ms < 10) return `${trimmed(ms, 2)} ms`
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${trimmed(ms / 1_000, 2)} s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 3_600) return pair(seconds, 60, 'min', 's')
  if (seconds < 86_400) return pair(Math.round(seconds / 60), 60, 'h', 'min')
  return pair(Math.round(seconds / 3_600), 24, 'd', 'h')
}

function pair(small: number, step: number, unit: string, rest: string): string {
  const over = small % step
  return `${Math.floor(small / step)} ${unit}${over === 0 ? '' : ` ${over} ${rest}`}`
}

function trimmed(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)))
}

/** How long ago, in words. */
export function ago(at: string, nowMs: number): string {
  const ms = nowMs - Date.parse(at)
  return ms < 1_500 ? 'just now' : `${duration(ms < 60_000 ? Math.round(ms / 1_000) * 1_000 : ms)} ago`
}

const SAME_DAY = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const OTHER_DAY = new Intl.DateTimeFormat('en-GB', {
  day: '2-digit',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
})

/** An instant, in the time of who looks: 14:03:59; with its day if that is another one than today. */
export function clock(at: string | number, nowMs = Date.now()): string {
  const date = new Date(at)
  return (date.toDateString() === new Date(nowMs).toDateString() ? SAME_DAY : OTHER_DAY).format(date)
}

/** `not_in_topics` -> not in topics */
export function words(name: string): string {
  return name.replaceAll('_', ' ')
}
