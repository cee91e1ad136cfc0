/** One number that matters, large enough to be read from a step away, of a width that does not jump. */
import type { ComponentChildren } from 'preact'

export type StatProps = {
  readonly title: string
  readonly value: string
  readonly unit?: string
  /** Its colour in the charts. */
  readonly tone?: 'out' | 'in'
  readonly warn?: boolean
  readonly children?: ComponentChildren
}

export function Stat({ title, value, unit = '', tone, warn = false, children }: StatProps) {
  return (
    <div class={warn ? 'stat warn' : 'stat'}>
      <p class="stat-title">
        {tone !== undefined && <i class={tone} />}
        {title}
      </p>
      <p class="stat-value">
        {value}
        <small>{unit}</small>
      </p>
      <p class="stat-more">{children}</p>
    </div>
  )
}
