/** Asks before something is done that can't be taken back. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { wordsOfFault } from '../api/request.ts'
import { Dialog } from './dialog.tsx'

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
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState('')
  const ready = typed === undefined || text === typed
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    if (!ready || busy) return
    setBusy(true)
    try {
      await onConfirm()
      onClose()
    } catch (error) {
      setFault(wordsOfFault(error))
      setBusy(false)
    }
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
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
        <p class="fault" role="alert">
          {fault}
        </p>
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class={danger ? 'button danger' : 'button primary'} disabled={!ready || busy}>
            {action}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
