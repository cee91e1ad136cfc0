/** Rows of one height, of which only those are made that can be seen: a thousand scroll as ten do. */
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

export type VirtualRowsProps<Item> = {
  readonly items: readonly Item[]
  readonly keyOf: (item: Item) => string
  /** Pixels. */
  readonly rowHeight: number
  /** Stays at the top. */
  readonly head?: ComponentChildren
  /** Has the role of a row; `index` is its place among all. */
  readonly row: (item: Item, index: number) => ComponentChildren
  /** The end stays in view, whatever comes. */
  readonly follow?: boolean
  /** Called when somebody scrolls away from the end, or back to it. */
  readonly onEnd?: (isThere: boolean) => void
}

/** Rows beyond the edges: the keyboard reaches them, and a fast finger finds them drawn. */
const BEYOND = 8
/** What is drawn changes once in so many rows that are scrolled: less than there are beyond the edges. */
const STEP_ROWS = 4
/** So near to the end is at the end: fingers and zoom are not exact. */
const END_PX = 4

export function VirtualRows<Item>({
  items,
  keyOf,
  rowHeight,
  head,
  row,
  follow = false,
  onEnd,
}: VirtualRowsProps<Item>) {
  const view = useRef<HTMLDivElement>(null)
  const [window, setWindow] = useState({ top: 0, height: 800 })
  const height = useRef(rowHeight)
  height.current = rowHeight
  const end = useRef({ follow, isThere: follow, tell: onEnd })
  end.current.follow = follow
  end.current.tell = onEnd
  useLayoutEffect(() => {
    if (follow) view.current?.scrollTo({ top: view.current.scrollHeight })
  }, [follow, items])
  useEffect(() => {
    const element = view.current
    if (element === null) return
    const measure = (): void => {
      const step = height.current * STEP_ROWS
      const top = Math.floor(element.scrollTop / step) * step
      const { clientHeight } = element
      setWindow((was) => (was.top === top && was.height === clientHeight ? was : { top, height: clientHeight }))
      const isThere = element.scrollTop + element.clientHeight >= element.scrollHeight - END_PX
      const was = end.current.isThere
      end.current.isThere = isThere
      if (was !== isThere) end.current.tell?.(isThere)
    }
    const observer = new ResizeObserver(() => {
      if (end.current.follow) element.scrollTo({ top: element.scrollHeight })
      measure()
    })
    observer.observe(element)
    element.addEventListener('scroll', measure, { passive: true })
    const move = (event: KeyboardEvent): void => moveFocus(event, element)
    element.addEventListener('keydown', move)
    return () => {
      element.removeEventListener('keydown', move)
      observer.disconnect()
      element.removeEventListener('scroll', measure)
    }
  }, [])
  const first = Math.max(0, Math.min(Math.floor(window.top / rowHeight), items.length - 1) - BEYOND)
  const last = Math.min(items.length, Math.ceil((window.top + window.height) / rowHeight) + BEYOND)
  return (
    <div class="rows" ref={view} role="presentation">
      {head}
      <div class="rows-space" role="rowgroup" style={{ height: `${items.length * rowHeight}px` }}>
        <div style={{ transform: `translateY(${first * rowHeight}px)` }} role="presentation">
          {items.slice(first, last).map((item, at) => (
            <div
              class="row"
              role="row"
              key={keyOf(item)}
              style={{ height: `${rowHeight}px` }}
              aria-rowindex={first + at + 2}
            >
              {row(item, first + at)}
            </div>
          ))}
        </div>
      </div>
    </div>
  )
}

/** Arrow up and down go from row to row, to the link or the button that each begins with. */
function moveFocus(event: KeyboardEvent, view: HTMLElement): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
  const rows = [...view.querySelectorAll('.row')]
  const at = rows.findIndex((row) => row.contains(document.activeElement))
  const to = rows[at + (event.key === 'ArrowDown' ? 1 : -1)]?.querySelector<HTMLElement>('a, button.log-line')
  if (at < 0 || !to) return
  event.preventDefault()
  to.focus()
}
