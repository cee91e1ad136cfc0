/** A few fields in a dialog, sent as a whole; what the node has against them stands below. */
import type { ComponentChildren } from 'preact'
import { FormDialog } from '../controls/form-dialog.tsx'

export type EditDialogProps = {
  readonly title: string
  readonly action: string
  /** What was typed, by the names of the fields; what can't be typed is the caller's. */
  readonly onSave: (typed: Readonly<Record<string, string>>) => Promise<void>
  readonly onClose: () => void
  readonly children: ComponentChildren
}

export function EditDialog({ title, action, onSave, onClose, children }: EditDialogProps) {
  return (
    <FormDialog title={title} action={action} onClose={onClose} onSubmit={(form) => onSave(typedIn(form))}>
      <div class="dialog-body">{children}</div>
    </FormDialog>
  )
}

export function typedIn(form: HTMLFormElement): Readonly<Record<string, string>> {
  const fields = [...new FormData(form).entries()]
  return Object.fromEntries(fields.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])))
}

export type TextFieldProps = {
  readonly name: string
  readonly label: string
  readonly hint?: string
  readonly value?: string
  readonly password?: boolean
  readonly required?: boolean
}

/** Read from the form when it is sent. */
export function TextField({ name, label, hint, value = '', password = false, required = false }: TextFieldProps) {
  return (
    <label class="stacked">
      <span>{label}</span>
      {password ? (
        <input name={name} type="password" required={required} autocomplete="new-password" />
      ) : (
        <input
          name={name}
          defaultValue={value}
          required={required}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
        />
      )}
      {hint !== undefined && <span class="hint">{hint}</span>}
    </label>
  )
}

export type SelectFieldProps = {
  readonly name: string
  readonly label: string
  readonly value: string
  readonly options: readonly (readonly [value: string, title: string])[]
}

export function SelectField({ name, label, value, options }: SelectFieldProps) {
  return (
    <label class="stacked">
      <span>{label}</span>
      <select name={name}>
        {options.map(([one, title]) => (
          <option key={one} value={one} selected={one === value}>
            {title}
          </option>
        ))}
      </select>
    </label>
  )
}

export const ROLES = [
  ['viewer', 'viewer: looks'],
  ['administrator', 'administrator: changes'],
] as const

export const PASSWORD_HINT = '8 to 64 characters; of letters, digits and others two kinds at least.'
