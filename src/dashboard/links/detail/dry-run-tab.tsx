/** What would cross if the peer wanted these filters: measured on the traffic of now. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Link } from '../../api/link.ts'
import { wordsOfFault } from '../../api/request.ts'
import { Silent, type SilentNode } from '../../controls/paged.tsx'
import { bytes, compact, count } from '../../format/number.ts'
import { linesOf } from '../form/draft.ts'
import { linkApi } from '../link-api.ts'

type Flow = { readonly messages: number; readonly bytes: number }
type DryRun = {
  readonly seconds: number
  readonly filters: readonly (Flow & { readonly filter: string })[]
  readonly total: Flow
  readonly top_topics: readonly (Flow & { readonly topic: string })[]
  /** There were more topics than are told apart. */
  readonly truncated?: boolean
  readonly silent?: readonly SilentNode[]
}
type State =
  | { readonly type: 'idle' }
  | { readonly type: 'running'; readonly seconds: number }
  | { readonly type: 'done'; readonly result: DryRun }
  | { readonly type: 'failed'; readonly fault: string }

export function DryRunTab({ link }: { readonly link: Link }) {
  const [topics, setTopics] = useState('#')
  const [seconds, setSeconds] = useState(10)
  const [state, setState] = useState<State>({ type: 'idle' })
  const abort = useRef<AbortController | undefined>(undefined)
  useEffect(() => () => abort.current?.abort(), [])
  const run = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    abort.current = new AbortController()
    const { signal } = abort.current
    setState({ type: 'running', seconds })
    try {
      const filters = linesOf(topics).map(({ text }) => text)
      const result = await linkApi.dryRun<DryRun>(link.name, filters, seconds, signal)
      setState({ type: 'done', result })
    } catch (error) {
      if (!signal.aborted) setState({ type: 'failed', fault: wordsOfFault(error) })
    }
  }
  return (
    <div class="tab-body">
      <form class="dry-run" onSubmit={(event) => void run(event)}>
        <label class="stacked grow">
          <span>If the peer wanted these (one filter a line) …</span>
          <textarea
            class="mono"
            name="topics"
            rows={4}
            value={topics}
            onInput={(event) => setTopics(event.currentTarget.value)}
            spellcheck={false}
          />
        </label>
        <label class="stacked">
          <span>… for so many seconds</span>
          <input
            name="seconds"
            type="number"
            min={1}
            max={60}
            value={seconds}
            onInput={(event) => setSeconds(Number(event.currentTarget.value))}
          />
        </label>
        <button type="submit" class="button primary" disabled={state.type === 'running'}>
          {state.type === 'running' ? `Watching for ${state.seconds} s …` : 'What would cross?'}
        </button>
      </form>
      <div aria-live="polite">
        {state.type === 'idle' && (
          <p class="muted">Nothing is sent: messages that are published meanwhile are counted.</p>
        )}
        {state.type === 'failed' && <p class="remark bad">{state.fault}</p>}
        {state.type === 'done' && <Result result={state.result} />}
      </div>
    </div>
  )
}

function Result({ result }: { readonly result: DryRun }) {
  const { seconds, total, filters, top_topics: topTopics, truncated = false, silent } = result
  return (
    <>
      <p class="verdict good">
        {count(total.messages)} messages in {seconds} s: {compact(total.messages / seconds)}/s,{' '}
        {bytes(total.bytes / seconds)}/s
      </p>
      <Silent nodes={silent} />
      {truncated && <p class="muted">There were more topics than are told apart: those named had at least so many.</p>}
      <div class="halves">
        <Flows title="By filter" rows={filters.map(({ filter, ...flow }) => ({ name: filter, ...flow }))} />
        <Flows title="Top topics" rows={topTopics.map(({ topic, ...flow }) => ({ name: topic, ...flow }))} />
      </div>
    </>
  )
}

function Flows({
  title,
  rows,
}: {
  readonly title: string
  readonly rows: readonly (Flow & { readonly name: string })[]
}) {
  return (
    <section class="panel" aria-label={title}>
      <header>
        <h3>{title}</h3>
      </header>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{title === 'By filter' ? 'Filter' : 'Topic'}</th>
            <th scope="col" class="number">
              Messages
            </th>
            <th scope="col" class="number">
              Bytes
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, messages, bytes: size }) => (
            <tr key={name}>
              <td class="mono breaks">{name}</td>
              <td class="number">{count(messages)}</td>
              <td class="number">{bytes(size)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
