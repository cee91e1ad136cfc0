/** One field with its label, its hint and what is wrong with it. */
import { useId } from 'preact/hooks'
import { Switch } from '../../controls/switch.tsx'
import { KEPT_SECRET } from './draft.ts'
import type { Field } from './link-fields.ts'

export type FieldControlProps = {
  readonly field: Field
  readonly value: string | boolean
  readonly fault: string | undefined
  readonly disabled: boolean
  readonly onChange: (value: string | boolean) => void
  /** The field was left: what is wrong with it may be said now. */
  readonly onLeave: () => void
}

export function FieldControl(props: FieldControlProps) {
  const { field, value, disabled, onChange } = props
  // The node says it in the words of a configuration file.
  const fault = props.fault !== undefined && field.required === true && value === '' ? 'Fill this in.' : props.fault
  const id = useId()
  if (field.kind.type === 'switch') {
    return (
      <div class="field field-switch">
        <Switch label={field.label} on={value === true} disabled={disabled} onChange={onChange} />
        {(field.hint !== undefined || fault !== undefined) && <Below id={id} hint={field.hint} fault={fault} />}
      </div>
    )
  }
  const wide = field.kind.type === 'topics' || field.kind.type === 'pem'
  return (
    <div class={wide ? 'field wide' : 'field'}>
      <label for={id}>
        {field.label}
        {field.required === true && <span class="required"> needed</span>}
      </label>
      <Input {...props} fault={fault} id={id} />
      <Below id={id} hint={field.hint} fault={fault} />
    </div>
  )
}

function Below({ id, hint, fault }: { id: string; hint: string | undefined; fault: string | undefined }) {
  return (
    <p id={`${id}-below`} class={fault === undefined ? 'hint' : 'hint fault'} aria-live="polite">
      {fault ?? hint ?? ''}
    </p>
  )
}

function Input({ field, value, fault, disabled, onChange, onLeave, id }: FieldControlProps & { readonly id: string }) {
  const { kind, key, standard } = field
  const text = String(value)
  const common = {
    id,
    name: key,
    disabled,
    'aria-invalid': fault !== undefined,
    'aria-describedby': `${id}-below`,
    onBlur: onLeave,
    spellcheck: false,
    autocomplete: 'off',
  } as const
  switch (kind.type) {
    case 'choice':
      return (
        <select {...common} value={text} onChange={(event) => onChange(event.currentTarget.value)}>
          {kind.options.map(([option, words]) => (
            <option key={option} value={option}>
              {words}
            </option>
          ))}
        </select>
      )
    case 'topics':
      return (
        <textarea
          {...common}
          class="mono"
          rows={Math.min(12, Math.max(3, text.split('\n').length + 1))}
          placeholder={'global/#\ncluster/+/status'}
          value={text}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )
    case 'secret':
      return <Secret {...common} type="password" text={text} onChange={onChange} />
    case 'pem':
      if (kind.secret === true) return <Secret {...common} type="pem" text={text} onChange={onChange} />
      return <Pem {...common} value={text} onInput={onChange} />
    case 'switch':
      // Has its label beside it: made above.
      return null
    case 'text':
    case 'number':
      return (
        <input
          {...common}
          class={kind.type === 'number' || kind.mono === true ? 'mono' : undefined}
          inputMode={kind.type === 'number' ? 'numeric' : undefined}
          required={field.required}
          placeholder={typeof standard === 'string' ? standard : undefined}
          value={text}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )
  }
}

type PemProps = { readonly value: string; readonly onInput: (text: string) => void }

function Pem({ value, onInput, ...common }: PemProps & Record<string, unknown>) {
  return (
    <textarea
      {...common}
      class="mono"
      rows={value.includes('\n') ? 6 : 2}
      placeholder="certs/file.pem, or -----BEGIN …"
      value={value}
      onInput={(event) => onInput(event.currentTarget.value)}
    />
  )
}

type SecretProps = {
  readonly type: 'password' | 'pem'
  readonly text: string
  readonly onChange: (text: string) => void
}

/** A secret is never shown: it is kept, replaced or taken away. */
function Secret({ type, text, onChange, ...common }: SecretProps & Record<string, unknown>) {
  if (text === KEPT_SECRET) {
    return (
      <div class="kept-secret">
        <input {...common} class="mono" value={KEPT_SECRET} readOnly aria-label="Kept as it is" />
        <button type="button" class="button" disabled={common['disabled'] === true} onClick={() => onChange('')}>
          Replace
        </button>
      </div>
    )
  }
  if (type === 'pem') return <Pem {...common} value={text} onInput={onChange} />
  return (
    <input
      {...common}
      autocomplete="new-password"
      type="password"
      value={text}
      onInput={(event) => onChange(event.currentTarget.value)}
    />
  )
}
