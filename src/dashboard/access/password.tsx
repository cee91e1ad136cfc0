/** One's own password. Whoever changes it logs in anew, everywhere. */
import { useState } from 'preact/hooks'
import { request, segment, wordsOfFault } from '../api/request.ts'
import { endSession, session } from '../api/session.ts'
import { PASSWORD_HINT, TextField, typedIn } from './edit-dialog.tsx'

export function Password() {
  const [fault, setFault] = useState('')
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const { again, ...body } = typedIn(event.currentTarget as HTMLFormElement)
    if (again !== body['new_pwd']) {
      setFault('The new password stands there in two ways.')
      return
    }
    try {
      await request('POST', `users/${segment(session.value?.username ?? '')}/change_pwd`, { body })
      endSession('Your password is changed: log in with the new one.')
    } catch (error) {
      setFault(wordsOfFault(error))
    }
  }
  return (
    <form class="panel narrow-form" aria-label="My password" onSubmit={(event) => void submit(event)}>
      <TextField name="old_pwd" label="Old password" password required />
      <TextField name="new_pwd" label="New password" hint={PASSWORD_HINT} password required />
      <TextField name="again" label="New password once more" password required />
      <p class="fault" role="alert">
        {fault}
      </p>
      <div class="dialog-actions">
        <button type="submit" class="button primary">
          Change password
        </button>
      </div>
    </form>
  )
}
