/** A form in a dialog, sent as a whole; what speaks against it stands below, and it stays open. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { wordsOfFault } from '../api/request.ts'
import { Dialog } from './dialog.tsx'

export type FormDialogProps = {
  readonly title: string
  /** What the button says that sends it. */
  readonly action: string
  readonly danger?: boolean
  /** Whether it may be sent as it is. */
  readonly ready?: boolean
  /** A rejection is shown in words. To close the dialog is the caller's. */
  readonly onSubmit: (form: HTMLFormElement) => Promise<void>
  readonly onClose: () => void
  readonly children: ComponentChildren
}

export function FormDialog({
  title,
  action,
  danger = false,
  ready = true,
  onSubmit,
  onClose,
  children,
}: FormDialogProps) {
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    if (!ready || busy) return
    setBusy(true)
    setFault('')
    try {
      await onSubmit(event.currentTarget as HTMLFormElement)
    } catch (error) {
      setFault(wordsOfFault(error))
    }
    setBusy(false)
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        {children}
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
