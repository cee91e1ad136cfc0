/** Dark, light, or as the system has it. */
import { effect, signal } from '@preact/signals'

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'isthmus.theme'
const NEXT: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' }

export const theme = signal<Theme>(kept())
/** Counts up when colours change, for what is drawn rather than styled. */
export const repaints = signal(0)

export function nextTheme(): void {
  theme.value = NEXT[theme.value]
}

export function applyTheme(): void {
  effect(() => {
    document.documentElement.dataset['theme'] = theme.value
    localStorage.setItem(KEY, theme.value)
    repaints.value = repaints.peek() + 1
  })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    repaints.value++
  })
}

function kept(): Theme {
  const text = localStorage.getItem(KEY)
  return text === 'light' || text === 'dark' ? text : 'system'
}
