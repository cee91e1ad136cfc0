/** What the node would say to this link if it were saved: asked a moment after the last key. */
import { useEffect, useState } from 'preact/hooks'
import type { FieldError, LinkSettings } from '../../api/link.ts'
import { linkApi } from '../link-api.ts'

const PAUSE_MS = 250

export type Check = {
  readonly errors: readonly FieldError[]
  /** The errors are those of this very link. */
  readonly current: boolean
}

export function useCheck(link: LinkSettings, existing: string | undefined): Check {
  const text = JSON.stringify(link)
  const [known, setKnown] = useState<{ text: string; errors: readonly FieldError[] }>({ text: '', errors: [] })
  useEffect(() => {
    const abort = new AbortController()
    const timer = setTimeout(() => {
      linkApi.check(JSON.parse(text) as LinkSettings, existing, abort.signal).then(
        ({ errors }) => setKnown({ text, errors }),
        // A node that can't say what is wrong now will say so when it is asked to save.
        () => undefined,
      )
    }, PAUSE_MS)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [text, existing])
  return { errors: known.errors, current: known.text === text }
}
