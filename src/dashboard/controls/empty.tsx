/** What stands where there is nothing, or not yet. */
import type { ComponentChildren } from 'preact'

export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  )
}

/** Takes the place of what is being read; what failed says why, and can be tried again. */
export function Reading({ fault, onRetry }: { readonly fault: string; readonly onRetry: () => void }) {
  if (fault === '') {
    return (
      <p class="reading muted" role="status">
        Reading …
      </p>
    )
  }
  return (
    <div class="remark bad" role="alert">
      <span>{fault}</span>
      <button type="button" class="button" onClick={onRetry}>
        Try again
      </button>
    </div>
  )
}
