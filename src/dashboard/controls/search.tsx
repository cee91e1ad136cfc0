/** The field in which one searches; `/` leads here from anywhere on the page. */
import { useEffect, useRef } from 'preact/hooks'
import { Icon } from './icon.tsx'

export type SearchProps = {
  /** For those who can't see the field: what is searched in what. */
  readonly label: string
  readonly value: string
  readonly placeholder?: string
  readonly onSearch: (text: string) => void
}

export function Search({ label, value, placeholder = 'Search   ( / )', onSearch }: SearchProps) {
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      if (event.key !== '/' || (event.target as HTMLElement).closest('input, textarea, select, dialog') !== null) return
      event.preventDefault()
      input.current?.focus()
    }
    addEventListener('keydown', focus)
    return () => removeEventListener('keydown', focus)
  }, [])
  return (
    <label class="search">
      <Icon name="search" />
      <span class="unseen">{label}</span>
      <input
        ref={input}
        type="search"
        placeholder={placeholder}
        value={value}
        onInput={(event) => onSearch(event.currentTarget.value)}
        spellcheck={false}
        autocapitalize="none"
      />
    </label>
  )
}
