/** The form of a link, new or known: checked as one types, tried before it is saved. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { LinkSettings } from '../../api/link.ts'
import { wordsOfFault } from '../../api/request.ts'
import { mayChange } from '../../api/session.ts'
import { guardLeaving } from '../../shell/route.ts'
import { linkApi } from '../link-api.ts'
import { draftOf, emptyDraft, faultsOf, isChanged, linkOf, type Draft, type Faults } from './draft.ts'
import { FieldControl } from './field-control.tsx'
import { FIELD_GROUPS, FIELDS, type Field, type FieldGroup } from './link-fields.ts'
import { TestConnection } from './test-connection.tsx'
import { useCheck } from './use-check.ts'

export type LinkFormProps = {
  /** Left out for a new one. */
  readonly link?: LinkSettings
  readonly onSaved: (name: string) => void
  readonly onCancel?: () => void
}

export function LinkForm({ link, onSaved, onCancel }: LinkFormProps) {
  // A link that is edited starts from what the node had then: what others change meanwhile is not mixed in.
  const [base] = useState(link)
  const fields = useMemo(() => (base === undefined ? FIELDS : FIELDS.filter(({ key }) => key !== 'name')), [base])
  const before = useMemo(() => (base === undefined ? emptyDraft(fields) : draftOf(base, fields)), [base, fields])
  const [draft, setDraft] = useState<Draft>(before)
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set())
  const [busy, setBusy] = useState(false)
  const [refusal, setRefusal] = useState('')
  const form = useRef<HTMLFormElement>(null)

  const wanted = useMemo(() => linkOf(draft, fields, base), [draft, fields, base])
  const check = useCheck(wanted, base?.name)
  const faults = faultsOf(check.errors, fields)
  const changed = isChanged(draft, before)
  const saved = useRef(false)
  const unsaved = useRef(false)
  unsaved.current = changed && !saved.current
  useEffect(() => guardLeaving(() => unsaved.current), [])

  const save = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    setBusy(true)
    setRefusal('')
    setLeft(new Set(fields.map(({ key }) => key)))
    try {
      const report = await linkApi.check(wanted, base?.name, new AbortController().signal)
      if (report.ok) {
        await (base === undefined ? linkApi.create(wanted) : linkApi.update(base.name, wanted))
        saved.current = true
        unsaved.current = false
        onSaved(wanted.name)
        return
      }
      focusFirst(form.current, faultsOf(report.errors, fields))
    } catch (error) {
      setRefusal(wordsOfFault(error))
    }
    setBusy(false)
  }

  const readOnly = !mayChange()
  const groupOf = (group: FieldGroup) => (
    <Group
      key={group.title}
      group={{ ...group, fields: group.fields.filter((field) => fields.includes(field)) }}
      draft={draft}
      faults={faults}
      left={left}
      disabled={readOnly}
      onChange={(key, value) => setDraft((draft) => ({ ...draft, [key]: value }))}
      onLeave={(key) => setLeft((left) => new Set(left).add(key))}
    />
  )
  const hidden = [...faults.other]
  return (
    <form ref={form} class="link-form" onSubmit={(event) => void save(event)} noValidate>
      {FIELD_GROUPS.map(groupOf)}
      <div class="form-foot">
        <p class="fault" role="alert">
          {[refusal, ...(left.size > 0 ? hidden : [])].filter(Boolean).join('; ')}
        </p>
        {!readOnly && (
          <div class="form-actions">
            <TestConnection link={wanted} />
            {onCancel !== undefined && (
              <button type="button" class="button" onClick={onCancel}>
                Cancel
              </button>
            )}
            {base !== undefined && changed && (
              <button type="button" class="button" onClick={() => setDraft(before)}>
                Undo changes
              </button>
            )}
            <button type="submit" class="button primary" disabled={busy || (base !== undefined && !changed)}>
              {base === undefined ? 'Create link' : 'Save'}
            </button>
          </div>
        )}
      </div>
    </form>
  )
}

type GroupProps = {
  readonly group: FieldGroup
  readonly draft: Draft
  readonly faults: Faults
  readonly left: ReadonlySet<string>
  readonly disabled: boolean
  readonly onChange: (key: string, value: string | boolean) => void
  readonly onLeave: (key: string) => void
}

function Group({ group, draft, faults, left, disabled, onChange, onLeave }: GroupProps) {
  const shown = group.fields.filter(({ under }) => under === undefined || draft[under] === true)
  const isFaulty = shown.some(({ key }) => left.has(key) && key in faults.at)
  const body = (
    <>
      {group.hint !== undefined && <p class="hint group-hint">{group.hint}</p>}
      <div class="fields">
        {shown.map((field) => (
          <FieldControl
            key={field.key}
            field={field}
            value={draft[field.key] ?? ''}
            fault={isDue(field, draft, left) ? faults.at[field.key] : undefined}
            disabled={disabled}
            onChange={(value) => onChange(field.key, value)}
            onLeave={() => onLeave(field.key)}
          />
        ))}
      </div>
    </>
  )
  if (group.folded === true) {
    return (
      <details class="group" open={isFaulty || undefined}>
        <summary>{group.title}</summary>
        {body}
      </details>
    )
  }
  return (
    <fieldset class="group">
      <legend>{group.title}</legend>
      {body}
    </fieldset>
  )
}

/** Nobody is told that a field is empty before they came to it; what is typed is judged at once. */
function isDue({ key }: Field, draft: Draft, left: ReadonlySet<string>): boolean {
  return left.has(key) || (typeof draft[key] === 'string' && draft[key] !== '')
}

function focusFirst(form: HTMLFormElement | null, { at }: Faults): void {
  const control = [...(form?.querySelectorAll<HTMLElement>('[name]') ?? [])].find((element) => {
    return (element.getAttribute('name') ?? '') in at
  })
  const folded = control?.closest('details')
  if (folded) folded.open = true
  control?.focus()
}
