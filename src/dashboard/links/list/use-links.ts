/** All links with what they do now. The settings are read again when somebody changed the list, here or elsewhere. */
import { useMemo, useRef, useState } from 'preact/hooks'
import type { LinkRow, LinkRowChange } from '../../api/link.ts'
import { liveState } from '../../live/live-stream.ts'
import { useLive } from '../../live/use-live.ts'
import { useResource } from '../../live/use-resource.ts'
import { linkApi } from '../link-api.ts'
import { entryOf, withChanges, type LinkEntry } from './link-entries.ts'

export type Links = {
  /** `undefined` until they were read. */
  readonly entries: readonly LinkEntry[] | undefined
  readonly fault: string
  readonly reload: () => void
}

export function useLinks(): Links {
  const { value, fault, reload } = useResource(linkApi.list, [])
  const [rows, setRows] = useState<ReadonlyMap<string, LinkRow>>(new Map())
  const names = useMemo(() => new Set(value?.map(({ name }) => name)), [value])
  // The first event of a stream is whole.
  const whole = useRef(true)
  if (liveState.value !== 'open') whole.current = true

  useLive<readonly LinkRowChange[]>('links', 'links', (changes) => {
    const isWhole = whole.current
    whole.current = false
    setRows((known) => withChanges(known, changes, isWhole))
    if (value !== undefined && changes.some((change) => isNews(change, names))) reload()
  })

  const entries = useMemo(() => value?.map((link) => entryOf(link, rows.get(link.name))), [value, rows])
  return { entries, fault, reload }
}

function isNews(change: LinkRowChange, names: ReadonlySet<string>): boolean {
  return 'removed' in change ? names.has(change.name) : !names.has(change.name)
}
