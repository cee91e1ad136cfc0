/** What is searched for in a list that the node cuts in pages, and which of them is read: another search begins at the first. */
import { useState } from 'preact/hooks'
import { useSettled } from './use-settled.ts'

export type PagedSearch = {
  /** As it is typed. */
  readonly text: string
  /** As the node is asked. */
  readonly wanted: string
  readonly page: number
  readonly onSearch: (text: string) => void
  readonly onPage: (page: number) => void
}

export function usePagedSearch(): PagedSearch {
  const [text, setText] = useState('')
  const [page, onPage] = useState(1)
  const wanted = useSettled(text.trim())
  const onSearch = (text: string): void => {
    setText(text)
    onPage(1)
  }
  return { text, wanted, page, onSearch, onPage }
}
