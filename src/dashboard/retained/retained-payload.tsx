/** One retained message with its payload, as one likes to read it. */
import { useMemo, useState } from 'preact/hooks'
import { request, segment } from '../api/request.ts'
import { mayChange } from '../api/session.ts'
import { Choices } from '../controls/choices.tsx'
import { Confirm } from '../controls/confirm.tsx'
import { Empty, Reading } from '../controls/empty.tsx'
import { Facts } from '../controls/facts.tsx'
import { tell } from '../controls/notice.ts'
import { bytes, clock } from '../format/number.ts'
import { useResource } from '../live/use-resource.ts'
import { hashOf } from '../shell/route.ts'
import { asHex, asJson, asText, bestView, bytesOf, SHOWN_BYTES_MAX, type PayloadView } from './payload.ts'
import type { Retained } from './retained-list.tsx'

type WithPayload = Retained & { readonly payload: string; readonly payload_truncated?: boolean }

export function RetainedPayload({ topic }: { readonly topic: string }) {
  const path = `mqtt/retainer/message/${segment(topic)}`
  const { value, fault, reload } = useResource((signal) => request<WithPayload>('GET', path, { signal }), [topic])
  const [asked, setAsked] = useState(false)
  if (fault.startsWith('nothing is retained')) return <Gone topic={topic} />
  if (value === undefined) return <Reading fault={fault} onRetry={reload} />
  const { qos, publish_at: at, from_clientid: from, from_username: user, origin, expires_at: expires } = value
  return (
    <section class="page" aria-labelledby="message-title">
      <header class="page-head">
        <div>
          <a class="up" href={hashOf('retained')}>
            Retained messages
          </a>
          <h1 id="message-title" class="mono">
            {topic}
          </h1>
        </div>
        <div class="actions">
          <button type="button" class="button" onClick={reload}>
            Look again
          </button>
          {mayChange() && (
            <button type="button" class="button danger-quiet" onClick={() => setAsked(true)}>
              Delete
            </button>
          )}
        </div>
      </header>
      <Payload message={value} />
      <section class="panel" aria-label="About it">
        <Facts
          value={{
            published: clock(at),
            from_client: from,
            from_user: user,
            ...(origin === undefined ? {} : { from_cluster: origin }),
            qos,
            expires: expires === undefined ? 'never' : clock(expires),
            size: bytes(value.bytes),
          }}
        />
      </section>
      {asked && (
        <Confirm
          title="Delete the retained message?"
          action="Delete"
          danger
          onClose={() => setAsked(false)}
          onConfirm={async () => {
            await request('DELETE', path)
            tell(`Nothing is retained under ${topic} any more`)
            location.hash = hashOf('retained')
          }}
        >
          <p>
            <code>{topic}</code> is cleared on all nodes, as by an empty retained message.
          </p>
        </Confirm>
      )}
    </section>
  )
}

const TITLES: Readonly<Record<PayloadView, string>> = { json: 'JSON', text: 'Text', hex: 'Hex' }

function Payload({ message }: { readonly message: WithPayload }) {
  const whole = useMemo(() => bytesOf(message.payload), [message.payload])
  const shown = whole.subarray(0, SHOWN_BYTES_MAX)
  const [picked, setPicked] = useState<PayloadView | undefined>()
  // Cut at the limit, a text may end within a letter: then the whole decides.
  const text = asText(whole)
  const view = picked ?? bestView(whole)
  const isPart = message.bytes > shown.length
  return (
    <section class="panel" aria-label="Payload">
      <header>
        <h3>Payload</h3>
        <Choices
          label="Show the payload as"
          value={view}
          choices={(['json', 'text', 'hex'] as const).map((value) => ({ value, title: TITLES[value] }))}
          onPick={setPicked}
        />
      </header>
      {isPart && (
        <p class="remark warn">
          The first {bytes(shown.length)} of {bytes(message.bytes)}.
        </p>
      )}
      {whole.length === 0 ? (
        <p class="muted">It is empty.</p>
      ) : (
        <div class="payload-place" tabIndex={0} role="region" aria-label="Bytes of the payload">
          <pre class="payload">{view === 'hex' ? asHex(shown) : shownText(text, view)}</pre>
        </div>
      )}
    </section>
  )
}

function shownText(text: string | undefined, view: 'json' | 'text'): string {
  if (text === undefined) return 'These bytes are no text.'
  const json = view === 'json' ? asJson(text) : text
  return json === undefined ? 'This is no JSON.' : json.slice(0, SHOWN_BYTES_MAX)
}

function Gone({ topic }: { readonly topic: string }) {
  return (
    <Empty title="Nothing is retained there">
      <p>
        No message is kept under <code>{topic}</code>.
      </p>
      <a class="button" href={hashOf('retained')}>
        To the retained messages
      </a>
    </Empty>
  )
}
