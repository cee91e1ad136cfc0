/** The titles of a table's columns. */
export type ColumnTitle = { readonly title: string; readonly number?: boolean }

export function TableHead({ columns }: { readonly columns: readonly ColumnTitle[] }) {
  return (
    <thead>
      <tr>
        {columns.map(({ title, number }) => (
          <th key={title} scope="col" class={number === true ? 'number' : undefined}>
            {title}
          </th>
        ))}
      </tr>
    </thead>
  )
}
