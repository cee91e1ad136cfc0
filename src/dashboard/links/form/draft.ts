/** What stands in the form, and the link that it means. All pure. */
import type { FieldError, LinkSettings } from '../../api/link.ts'
import type { Field } from './link-fields.ts'

/** By the key of the field: text as typed, switches as they stand. */
export type Draft = Readonly<Record<string, string | boolean>>

/** What the API shows instead of a secret; when it comes back, the secret stays as it was. */
export const KEPT_SECRET = '******'

export function emptyDraft(fields: readonly Field[]): Draft {
  return Object.fromEntries(
    fields.map(({ key, kind, standard }) => {
      if (kind.type === 'switch') return [key, standard === true]
      return [key, kind.type === 'choice' ? String(standard) : '']
    }),
  )
}

export function draftOf(link: LinkSettings, fields: readonly Field[]): Draft {
  return Object.fromEntries(
    fields.map(({ key, kind, standard }) => {
      const value = valueAt(link, key)
      if (kind.type === 'switch') return [key, value === undefined ? standard === true : value === true]
      if (kind.type === 'topics') return [key, Array.isArray(value) ? value.join('\n') : '']
      return [
        key,
        value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value),
      ]
    }),
  )
}

/**
 * The link as the API takes it. A field that is empty is left out, so that the node's own value holds.
 *
 * @param base what it was made from: fields that the form does not have go back as they came
 */
export function linkOf(draft: Draft, fields: readonly Field[], base: LinkSettings | undefined): LinkSettings {
  const link: Record<string, unknown> = structuredClone<Record<string, unknown>>({ ...base })
  for (const field of fields) putAt(link, field.key, valueOf(draft[field.key], field))
  // A name and a server that are missing are the node's to complain about.
  return link as LinkSettings
}

function valueOf(value: string | boolean | undefined, { kind }: Field): unknown {
  if (typeof value === 'boolean') return value
  const text = value ?? ''
  if (kind.type === 'topics') return linesOf(text).map(({ text }) => text)
  // A password may begin and end with what it likes.
  const wanted = kind.type === 'secret' ? text : text.trim()
  if (wanted === '') return undefined
  return /^\d{1,15}$/.test(wanted) && kind.type !== 'secret' && isCount(kind.type) ? Number(wanted) : wanted
}

const isCount = (type: string): boolean => type === 'number'

/** Lines that say something, each with its number among all lines, from 1. */
export function linesOf(text: string): readonly { readonly text: string; readonly line: number }[] {
  return text
    .split('\n')
    .map((line, at) => ({ text: line.trim(), line: at + 1 }))
    .filter(({ text }) => text !== '')
}

export function isChanged(draft: Draft, before: Draft): boolean {
  return Object.entries(draft).some(([key, value]) => before[key] !== value)
}

export type Faults = {
  /** By the key of the field that they stand at. */
  readonly at: Readonly<Record<string, string>>
  /** Those that belong to no field that is shown. */
  readonly other: readonly string[]
}

/** An error within a field, `topics.2` or `ssl.versions.0`, stands at the nearest one there is. */
export function faultsOf(errors: readonly FieldError[], fields: readonly Field[]): Faults {
  const at: Record<string, string> = {}
  const other: string[] = []
  for (const { field, message } of errors) {
    const key = fields.find(
      ({ key }) => field === key || field.startsWith(`${key}.`) || field.startsWith(`${key}[`),
    )?.key
    if (key === undefined) other.push(field === '' ? message : `${field}: ${message}`)
    else at[key] = key in at ? `${at[key]}; ${message}` : message
  }
  return { at, other }
}

function valueAt(link: object, key: string): unknown {
  let value: unknown = link
  for (const part of key.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Record<string, unknown>)[part]
  }
  return value
}

/** `undefined` takes it away, and the section that becomes empty by that too. */
function putAt(link: Record<string, unknown>, key: string, value: unknown): void {
  const [section = '', name] = key.split('.')
  if (name === undefined) {
    if (value === undefined) delete link[section]
    else link[section] = value
    return
  }
  const inner = { ...(link[section] as Record<string, unknown> | undefined) }
  if (value === undefined) delete inner[name]
  else inner[name] = value
  if (Object.keys(inner).length === 0) delete link[section]
  else link[section] = inner
}
