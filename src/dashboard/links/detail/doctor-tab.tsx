/** Has the link examined, and one topic with it if that is the question. */
import { useState } from 'preact/hooks'
import { DoctorSteps } from '../doctor-steps.tsx'
import { linkApi } from '../link-api.ts'

export function DoctorTab({ name }: { readonly name: string }) {
  const [topic, setTopic] = useState('')
  const [run, setRun] = useState({ again: 0, topic: '' })
  return (
    <div class="tab-body">
      <form
        class="toolbar"
        onSubmit={(event) => {
          event.preventDefault()
          setRun({ again: run.again + 1, topic: topic.trim() })
        }}
      >
        <label class="stacked grow">
          <span>A topic that should cross (if one is missed)</span>
          <input
            class="mono"
            name="topic"
            placeholder="cluster/a/status"
            value={topic}
            onInput={(event) => setTopic(event.currentTarget.value)}
            spellcheck={false}
            autocomplete="off"
          />
        </label>
        <button type="submit" class="button primary">
          {run.again === 0 ? 'Examine' : 'Examine again'}
        </button>
      </form>
      {run.again === 0 ? (
        <p class="muted">
          Goes through all that a link needs, from the name of the server to a probe message there and back, and stops
          at what is broken, with what to change.
        </p>
      ) : (
        <DoctorSteps run={(signal) => linkApi.doctor(name, run.topic, signal)} again={run.again} />
      )}
    </div>
  )
}
