/** How a link is: a colour, a shape and a word, so that no one of them is needed. */
import type { LinkStatus } from '../api/link.ts'
import type { Tone } from './tone.ts'

const TONES: Readonly<Record<LinkStatus, Tone>> = {
  running: 'good',
  connecting: 'busy',
  bootstrapping: 'busy',
  degraded: 'warn',
  inconsistent: 'warn',
  failed: 'bad',
  stopped: 'off',
}

export function StatusBadge({ status }: { readonly status: LinkStatus }) {
  return <Badge tone={TONES[status]} text={status} />
}

export function Badge({ tone, text }: { readonly tone: Tone; readonly text: string }) {
  return (
    <span class={`badge ${tone}`}>
      <Dot tone={tone} />
      {text}
    </span>
  )
}

const SHAPES: Readonly<Record<Tone, string>> = {
  good: 'M1 5a4 4 0 1 0 8 0 4 4 0 0 0-8 0',
  busy: 'M5 1a4 4 0 0 1 0 8zM5 1a4 4 0 0 0 0 8V8a3 3 0 0 1 0-6z',
  warn: 'M5 .7 9.6 9H.4z',
  bad: 'M1 1h8v8H1z',
  off: 'M1 4h8v2H1z',
}

export function Dot({ tone }: { readonly tone: Tone }) {
  return (
    <svg class={`dot ${tone}`} width="10" height="10" viewBox="0 0 10 10" aria-hidden="true" focusable="false">
      <path d={SHAPES[tone]} />
    </svg>
  )
}

export const toneOf = (status: LinkStatus): Tone => TONES[status]
