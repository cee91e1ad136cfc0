/** What an actor went through lately, the newest first; it goes on while one looks. */
import { request, segment } from '../api/request.ts'
import { Reading } from '../controls/empty.tsx'
import { Dot } from '../controls/status-badge.tsx'
import { clock, count, duration, words } from '../format/number.ts'
import { useNow } from '../live/use-now.ts'
import { useResource } from '../live/use-resource.ts'
import { hashOf } from '../shell/route.ts'
import { toneOfState } from './actor-tree.ts'

type Transition = {
  readonly at: string
  readonly event: string
  readonly from: string
  readonly to: string
  readonly reason?: string
}
type Answer = { readonly nodes: readonly { readonly node: string; readonly transitions: readonly Transition[] }[] }

export type ActorHistoryProps = {
  readonly node: string
  readonly id: string
  /** Another one after each of its transitions. */
  readonly turn: number
}

export function ActorHistory({ node, id, turn }: ActorHistoryProps) {
  // A turn is no key: what is known stays while it is read again.
  const { value, fault, reload } = useResource(
    (signal) => request<Answer>('GET', `actors/${segment(id)}/history?node=${segment(node)}`, { signal }),
    [node, id],
    turn,
  )
  const nowMs = useNow()
  const transitions = value?.nodes.find((one) => one.node === node)?.transitions.toReversed()
  return (
    <section class="panel actor-history" aria-labelledby="actor-title">
      <header>
        <div>
          <a class="up" href={hashOf('actors')}>
            Actors
          </a>
          <h2 id="actor-title">{id}</h2>
          <p class="muted">{node}</p>
        </div>
        {transitions !== undefined && <span class="muted">{count(transitions.length)} transitions</span>}
      </header>
      {transitions === undefined ? (
        <Reading fault={value === undefined ? fault : ''} onRetry={reload} />
      ) : transitions.length === 0 ? (
        <p class="muted">It went through nothing that is remembered: it has ended, or there is none of this name.</p>
      ) : (
        <ol class="timeline" aria-label="Transitions, the newest first">
          {transitions.map((transition, at) => (
            <Step
              key={`${transition.at} ${transitions.length - at}`}
              transition={transition}
              untilMs={at === 0 ? nowMs : Date.parse(transitions[at - 1]?.at ?? '')}
              isNow={at === 0}
            />
          ))}
        </ol>
      )}
    </section>
  )
}

type StepProps = { readonly transition: Transition; readonly untilMs: number; readonly isNow: boolean }

function Step({ transition, untilMs, isNow }: StepProps) {
  const { at, event, from, to, reason } = transition
  const ms = Math.max(0, untilMs - Date.parse(at))
  return (
    <li class={isNow ? 'step now' : 'step'}>
      <Dot tone={toneOfState(to)} />
      <div class="step-body">
        <p class="step-state mono">{changed(from, to)}</p>
        {reason !== undefined && <p class="reason">{reason}</p>}
        <p class="muted">
          {words(shortEvent(event))} at {clock(at)}
          {isNow ? ', until now: ' : ', for '}
          {duration(ms < 10_000 && !isNow ? ms : Math.round(ms / 1_000) * 1_000)}
        </p>
      </div>
    </li>
  )
}

/** Where it went, without what stayed as it was. */
function changed(from: string, to: string): string {
  const before = new Set(from.split(' | '))
  const parts = to.split(' | ')
  const fresh = parts.filter((part) => !before.has(part))
  return (fresh.length === 0 ? parts : fresh).join(' | ')
}

/** `xstate.after.deltaWindow.routeSync.session` -> after deltaWindow */
function shortEvent(event: string): string {
  const timed = /^xstate\.after\.([^.]+)/.exec(event)
  if (timed !== null) return `after ${timed[1] ?? ''}`
  return event === 'xstate.init' ? 'began' : event.replace(/^xstate\./, '')
}
