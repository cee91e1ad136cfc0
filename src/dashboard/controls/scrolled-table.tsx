/** A table that keeps its columns where there is no room for them: then it is scrolled, with keys as well. */
import type { ComponentChildren } from 'preact'

export type ScrolledTableProps = {
  readonly label: string
  readonly columns: readonly { readonly title: string; readonly number?: boolean }[]
  /** Its rows. */
  readonly children: ComponentChildren
}

export function ScrolledTable({ label, columns, children }: ScrolledTableProps) {
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label={`${label}, by row`}>
      <table class="table">
        <thead>
          <tr>
            {columns.map(({ title, number }) => (
              <th key={title} scope="col" class={number === true ? 'number' : undefined}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  )
}
