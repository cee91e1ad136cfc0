/** What was done, said once and gone after a while; read aloud too. */
import { signal } from '@preact/signals'

export type Notice = { readonly id: number; readonly kind: 'done' | 'fault'; readonly text: string }

export const notices = signal<readonly Notice[]>([])

const SHOWN_MS = 5_000
/** A fault takes longer to read, and to act on. */
const FAULT_SHOWN_MS = 12_000
let last = 0

export function tell(text: string): void {
  show('done', text)
}

export function tellFault(text: string): void {
  show('fault', text)
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id)
}

function show(kind: Notice['kind'], text: string): void {
  const id = ++last
  notices.value = [...notices.value.slice(-3), { id, kind, text }]
  setTimeout(() => dismiss(id), kind === 'fault' ? FAULT_SHOWN_MS : SHOWN_MS)
}
