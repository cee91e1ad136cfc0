/** A few fields in a dialog, sent as a whole; what the node has against them stands below. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { wordsOfFault } from '../api/request.ts'
import { Dialog } from '../controls/dialog.tsx'

export type EditDialogProps = {
  readonly title: string
  readonly action: string
  /** What was typed, by the names of the fields; what can't be typed is the caller's. */
  readonly onSave: (typed: Readonly<Record<string, string>>) => Promise<void>
  readonly onClose: () => void
  readonly children: ComponentChildren
}

export function EditDialog({ title, action, onSave, onClose, children }: EditDialogProps) {
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const typed = typedIn(event.currentTarget as HTMLFormElement)
    setBusy(true)
    setFault('')
    try {
      await onSave(typed)
    } catch (error) {
      setFault(wordsOfFault(error))
    }
    setBusy(false)
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <div class="dialog-body">{children}</div>
        <p class="fault" role="alert">
          {fault}
        </p>
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={busy}>
            {action}
          </button>
        </div>
      </form>
    </Dialog>
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
