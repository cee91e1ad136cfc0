/** What somebody is asked in a dialog about a list: until it is done, which the list shows then, or left. */
import { useState } from 'preact/hooks'
import { tell } from '../controls/notice.ts'

export type Asking<Question> = {
  readonly asked: Question | undefined
  readonly ask: (question: Question) => void
  /** @param text for whoever did it */
  readonly done: (text: string) => void
  readonly close: () => void
}

/** @param reload reads the list again */
export function useAsked<Question>(reload: () => void): Asking<Question> {
  const [asked, setAsked] = useState<Question | undefined>()
  const close = (): void => setAsked(undefined)
  const done = (text: string): void => {
    tell(text)
    close()
    reload()
  }
  return { asked, ask: (question) => setAsked(() => question), done, close }
}
