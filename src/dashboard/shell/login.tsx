/** Who is there? Afterwards the address says where to go on. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { request, wordsOfFault } from '../api/request.ts'
import { beginSession, farewell, type Session } from '../api/session.ts'
import { Mark } from '../controls/icon.tsx'

export function Login() {
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  const name = useRef<HTMLInputElement>(null)
  useEffect(() => name.current?.focus(), [])
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const [username, password] = [valueOf(form, 'username'), valueOf(form, 'password')]
    setBusy(true)
    setFault('')
    try {
      beginSession(await request<Session>('POST', 'login', { body: { username, password } }))
    } catch (error) {
      setFault(wordsOfFault(error))
      setBusy(false)
    }
  }
  return (
    <main class="login" id="main">
      <form class="login-card" onSubmit={(event) => void submit(event)}>
        <h1>
          <Mark />
          Isthmus
        </h1>
        <p class="muted">{farewell.value || 'Log in to this node.'}</p>
        <label class="stacked">
          <span>User name</span>
          <input ref={name} name="username" autocomplete="username" autocapitalize="none" spellcheck={false} required />
        </label>
        <label class="stacked">
          <span>Password</span>
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        <p class="fault" role="alert">
          {fault}
        </p>
        <button type="submit" class="button primary" disabled={busy}>
          {busy ? 'Logging in …' : 'Log in'}
        </button>
        <p class="hint">
          No password yet? The node wrote one for <code>admin</code> into its log when it started for the first time.
        </p>
      </form>
    </main>
  )
}

function valueOf(form: HTMLFormElement, name: string): string {
  const input = form.elements.namedItem(name)
  return input instanceof HTMLInputElement ? input.value : ''
}
