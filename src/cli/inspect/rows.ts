/** What is in the rows that a node tells, as words. The node may be of another version: what is not there is left out. */
import { isFields, type Fields } from '../fields.ts'
import { table, type Column } from './table.ts'

export const text = (value: unknown): string => {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}
export const field =
  (name: string) =>
  (row: Fields): string =>
    text(row[name])
export const part = (name: string, key: string) => (row: Fields) => {
  const of = row[name]
  return isFields(of) ? text(of[key]) : ''
}

export function rowsOf(result: Fields, name: string): Fields[] {
  const rows = result[name]
  return Array.isArray(rows) ? rows.filter(isFields) : []
}

/** `queue_full 3, expired 1`; empty where nothing is. */
export function countsText(counts: unknown): string {
  if (!isFields(counts)) return ''
  const found = Object.entries(counts).filter(([, count]) => count !== 0)
  return found.map(([name, count]) => `${name} ${text(count)}`).join(', ')
}

/** Both accounts of a link. */
export function ledgerLines({ ledger, inbound }: Fields): string[] {
  return [...accountLines('what we send', ledger), '', ...accountLines('what the peer sends', inbound)]
}

function accountLines(title: string, account: unknown): string[] {
  if (!isFields(account)) return [`${title}: nothing is known`]
  const columns: readonly Column<[string, unknown]>[] = [
    { title, of: ([name]) => `  ${name}` },
    { title: '', of: ([, value]) => (isFields(value) ? countsText(value) || '0' : text(value)) },
  ]
  return table(columns, Object.entries(account))
}
