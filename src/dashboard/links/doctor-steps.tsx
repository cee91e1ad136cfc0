/** What the doctor found, step by step; it stops at the first that is broken. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { DoctorReport, DoctorStep } from '../api/link.ts'
import { wordsOfFault } from '../api/request.ts'
import { Icon, type IconName } from '../controls/icon.tsx'
import { duration } from '../format/number.ts'

export type DoctorStepsProps = {
  readonly run: (signal: AbortSignal) => Promise<DoctorReport>
  /** Counts up to run it once more. */
  readonly again: number
}

type State = { readonly report?: DoctorReport; readonly fault?: string }

export function DoctorSteps({ run, again }: DoctorStepsProps) {
  const [state, setState] = useState<State>({})
  const running = useRef(run)
  running.current = run
  useEffect(() => {
    const abort = new AbortController()
    setState({})
    running.current(abort.signal).then(
      (report) => setState({ report }),
      (error: unknown) => {
        if (!abort.signal.aborted) setState({ fault: wordsOfFault(error) })
      },
    )
    return () => abort.abort()
  }, [again])

  const { report, fault } = state
  if (fault !== undefined) {
    return (
      <p class="remark bad" role="alert">
        {fault}
      </p>
    )
  }
  if (report === undefined) {
    return (
      <p class="reading muted" role="status">
        Looking: from the name to a message there and back …
      </p>
    )
  }
  return (
    <div role="status">
      <p class={report.ok ? 'verdict good' : 'verdict bad'}>{verdictOf(report)}</p>
      <ol class="doctor">
        {report.steps.map((step) => (
          <Step key={step.step} step={step} />
        ))}
      </ol>
    </div>
  )
}

const ICONS: Readonly<Record<DoctorStep['status'], IconName>> = {
  ok: 'check',
  failed: 'close',
  warning: 'warning',
  skipped: 'skipped',
}

function Step({ step: { title, status, detail, remedy, ms } }: { readonly step: DoctorStep }) {
  return (
    <li class={`doctor-step ${status}`}>
      <Icon name={ICONS[status]} />
      <div>
        <p class="doctor-title">
          {title} <span class="unseen">{status}</span>
          {status !== 'skipped' && <span class="muted"> {duration(ms)}</span>}
        </p>
        {detail !== '' && <p class="doctor-detail">{detail}</p>}
        {remedy !== undefined && remedy !== '' && <p class="doctor-remedy">{remedy}</p>}
      </div>
    </li>
  )
}

function verdictOf({ ok, steps }: DoctorReport): string {
  const broken = steps.find(({ status }) => status === 'failed')
  if (broken !== undefined) return `Broken at: ${broken.title}`
  const warnings = steps.filter(({ status }) => status === 'warning').length
  if (!ok) return 'Not well'
  return warnings === 0 ? 'All is well' : `It works, with ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`
}
