/** May this client do that, and by which rule? Nothing is changed by asking. */
import { useState } from 'preact/hooks'
import { request, wordsOfFault } from '../api/request.ts'
import { Choices } from '../controls/choices.tsx'
import { words } from '../format/number.ts'
import { SelectField, TextField, typedIn } from './edit-dialog.tsx'

type Action = 'publish' | 'subscribe'
type Answer = {
  readonly result: 'allow' | 'deny'
  readonly by: 'rule' | 'no_match' | 'superuser' | 'open' | 'namespace' | 'accept'
  readonly rule?: string
  readonly source?: { readonly file?: string; readonly line?: number }
  readonly message?: string
}
type Asked =
  | { readonly type: 'nothing' }
  | { readonly type: 'answered'; readonly answer: Answer }
  | { readonly type: 'failed'; readonly fault: string }

const QOS = [
  ['0', '0'],
  ['1', '1'],
  ['2', '2'],
] as const
const RETAIN = [
  ['false', 'no'],
  ['true', 'yes'],
] as const

export function AclTest() {
  const [action, setAction] = useState<Action>('publish')
  const [asked, setAsked] = useState<Asked>({ type: 'nothing' })
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const { qos, retain, ...typed } = typedIn(event.currentTarget as HTMLFormElement)
    // What is left empty is as the node has it.
    const said = Object.fromEntries(Object.entries(typed).filter(([, text]) => text !== ''))
    const body = { ...said, clientid: typed['clientid'], action, qos: Number(qos), retain: retain === 'true' }
    try {
      setAsked({ type: 'answered', answer: await request<Answer>('POST', 'authorization/test', { body }) })
    } catch (error) {
      setAsked({ type: 'failed', fault: wordsOfFault(error) })
    }
  }
  return (
    <div class="tab-body">
      <form class="panel" aria-label="ACL test" onSubmit={(event) => void submit(event)}>
        <div class="fields">
          <TextField name="clientid" label="ClientID" required />
          <TextField name="username" label="User name" />
          <TextField name="peerhost" label="Address" hint="127.0.0.1 if left out." />
          <TextField name="cert_common_name" label="Name in its certificate" />
        </div>
        <Choices
          label="What it wants to do"
          value={action}
          choices={[
            { value: 'publish', title: 'publish' },
            { value: 'subscribe', title: 'subscribe' },
          ]}
          onPick={setAction}
        />
        <div class="fields">
          <TextField name="topic" label={action === 'publish' ? 'To the topic' : 'To the filter'} required />
          <SelectField name="qos" label="QoS" value="0" options={QOS} />
          {action === 'publish' && <SelectField name="retain" label="Retained" value="false" options={RETAIN} />}
        </div>
        <div class="dialog-actions">
          <button type="submit" class="button primary">
            May it?
          </button>
        </div>
      </form>
      <div aria-live="polite">
        {asked.type === 'failed' && <p class="remark bad">{asked.fault}</p>}
        {asked.type === 'answered' && <Verdict answer={asked.answer} />}
      </div>
    </div>
  )
}

const WHY: Readonly<Record<Answer['by'], string>> = {
  rule: 'This rule decides:',
  no_match: 'No rule speaks of it: authorization.no_match decides.',
  superuser: 'It is a superuser: no rule is asked.',
  open: 'There are no rules: everything is allowed.',
  namespace: 'The node keeps this topic for itself.',
  accept: 'What the link accepts decides.',
}

function Verdict({ answer }: { readonly answer: Answer }) {
  const { result, by, rule, source, message } = answer
  const place = [source?.file, source?.line === undefined ? undefined : `line ${source.line}`]
    .filter(Boolean)
    .join(', ')
  return (
    <section class="panel" aria-label="Verdict">
      <p class={result === 'allow' ? 'verdict good' : 'verdict bad'}>{result === 'allow' ? 'Allowed' : 'Denied'}</p>
      <p>{WHY[by] ?? words(by)}</p>
      {rule !== undefined && <pre class="payload">{rule}</pre>}
      {place !== '' && <p class="muted">{place}</p>}
      {message !== undefined && <p>{message}</p>}
    </section>
  )
}
