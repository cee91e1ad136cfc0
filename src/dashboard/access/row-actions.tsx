/** What can be done with a row, as buttons; to delete it is the last of them. */
export type RowActionsProps = {
  readonly actions: readonly { readonly title: string; readonly onClick: () => void }[]
  readonly onDelete?: (() => void) | undefined
}

export function RowActions({ actions, onDelete }: RowActionsProps) {
  return (
    <div class="row-actions">
      {actions.map(({ title, onClick }) => (
        <button key={title} type="button" class="button" onClick={onClick}>
          {title}
        </button>
      ))}
      {onDelete !== undefined && (
        <button type="button" class="button danger-quiet" onClick={onDelete}>
          Delete
        </button>
      )}
    </div>
  )
}
