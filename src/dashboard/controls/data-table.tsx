/** A table whose rows become cards where there is no room for columns. */
import type { ComponentChildren } from 'preact'
import { type ColumnTitle, TableHead } from './table-head.tsx'

export type Column<Row> = ColumnTitle & {
  /** Takes what room there is, in as many lines as it needs; the others have one line. */
  readonly wide?: boolean
  readonly cell: (row: Row) => ComponentChildren
}

export type DataTableProps<Row> = {
  readonly label: string
  /** The first one names the row. */
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  /** What stands there without rows. */
  readonly empty: string
}

export function DataTable<Row>({ label, columns, rows, keyOf, empty }: DataTableProps<Row>) {
  if (rows.length === 0) return <p class="panel muted">{empty}</p>
  return (
    <div class="panel table-panel scroll-x">
      <table class="table stacks" aria-label={label}>
        <TableHead columns={columns} />
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column, at) => (
                <Cell key={column.title} column={column} row={row} isFirst={at === 0} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Cell<Row>({ column, row, isFirst }: { column: Column<Row>; row: Row; isFirst: boolean }) {
  const { title, number = false, wide = false, cell } = column
  const name = [number ? 'number' : '', wide ? 'wide' : ''].filter((word) => word !== '').join(' ')
  if (isFirst) {
    return (
      <th scope="row" class={name}>
        {cell(row)}
      </th>
    )
  }
  return (
    <td class={name} data-title={title}>
      {cell(row)}
    </td>
  )
}
