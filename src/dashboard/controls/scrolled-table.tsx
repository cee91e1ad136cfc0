/** A table that keeps its columns where there is no room for them: then it is scrolled, with keys as well. */
import type { ComponentChildren } from 'preact'
import { type ColumnTitle, TableHead } from './table-head.tsx'

export type ScrolledTableProps = {
  readonly label: string
  readonly columns: readonly ColumnTitle[]
  /** Its rows. */
  readonly children: ComponentChildren
}

export function ScrolledTable({ label, columns, children }: ScrolledTableProps) {
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label={`${label}, by row`}>
      <table class="table">
        <TableHead columns={columns} />
        <tbody>{children}</tbody>
      </table>
    </div>
  )
}
