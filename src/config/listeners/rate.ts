/** Rates as EMQX writes them: `100/s`, `1000/10s`, `1MB/s`, `100MB/60m`, `infinity`. */
import { formatByteSize, parseByteSize } from '../byte-size.ts'
import { formatDuration, parseDuration } from '../duration.ts'

export type Rate = {
  /** How much in each period; `Infinity` without a limit. */
  readonly amount: number
  readonly periodMs: number
}

export const unlimited: Rate = { amount: Number.POSITIVE_INFINITY, periodMs: 1000 }

/** `undefined` for what is no rate. `unit`: whether sizes such as `1MB` may be written; a bare number is bytes then. */
export function parseRate(written: string, unit: 'count' | 'bytes'): Rate | undefined {
  const text = written.trim().toLowerCase()
  if (text === 'infinity') return unlimited
  const match = /^(\d[^/]*)\/\s*(\d*)\s*([a-z][^/]*)$/.exec(text)
  if (match === null) return undefined
  const [, amountText = '', count = '', periodUnit = ''] = match
  const amount = unit === 'bytes' ? parseByteSize(amountText) : wholeNumber(amountText)
  const periodMs = parseDuration(`${count === '' ? '1' : count}${periodUnit}`)
  if (amount === undefined || amount < 1 || periodMs === undefined || periodMs < 1) return undefined
  return { amount, periodMs }
}

/** `1000/10s`, `1MB/1s`, `infinity`. */
export function formatRate({ amount, periodMs }: Rate, unit: 'count' | 'bytes'): string {
  if (!Number.isFinite(amount)) return 'infinity'
  return `${unit === 'bytes' ? formatByteSize(amount) : amount}/${formatDuration(periodMs)}`
}

function wholeNumber(text: string): number | undefined {
  const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN
  return Number.isSafeInteger(value) ? value : undefined
}
