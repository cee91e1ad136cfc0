/** Asks before something is done that can't be taken back. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { FormDialog } from './form-dialog.tsx'

export type ConfirmProps = {
  readonly title: string
  /** What the button says that does it. */
  readonly action: string
  /** Has to be typed before, when a click is too little. */
  readonly typed?: string
  readonly danger?: boolean
  readonly onConfirm: () => Promise<void> | void
  readonly onClose: () => void
  readonly children: ComponentChildren
}

export function Confirm({ title, action, typed, danger = false, onConfirm, onClose, children }: ConfirmProps) {
  const [text, setText] = useState('')
  return (
    <FormDialog
      title={title}
      action={action}
      danger={danger}
      ready={typed === undefined || text === typed}
      onClose={onClose}
      onSubmit={async () => {
        await onConfirm()
        onClose()
      }}
    >
      <div class="dialog-body">{children}</div>
      {typed !== undefined && (
        <label class="stacked">
          <span>
            Type <code>{typed}</code> to go on
          </span>
          <input
            name="typed"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
            autocomplete="off"
            spellcheck={false}
          />
        </label>
      )}
    </FormDialog>
  )
}
