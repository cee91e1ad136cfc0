/** What an examination of a link consists of: steps, each with what was found and, where something is wrong, what to change. */

export type StepStatus = 'ok' | 'failed' | 'warning' | 'skipped'

/** What one look told. */
export type Finding = {
  readonly status: StepStatus
  /** One sentence for people. */
  readonly detail: string
  /** What to change: which key, to what, on which side. */
  readonly remedy?: string
}

export type Step = Finding & {
  /** A fixed word, for programs. */
  readonly step: string
  /** The same for people. */
  readonly title: string
  /** How long it took. */
  readonly ms: number
}

export type DoctorReport = {
  /** Nothing is broken; there may be warnings. */
  readonly ok: boolean
  readonly steps: readonly Step[]
}

export const fine = (detail: string): Finding => ({ status: 'ok', detail })
export const skipped = (detail: string): Finding => ({ status: 'skipped', detail })
export const broken = (detail: string, remedy: string): Finding => ({ status: 'failed', detail, remedy })
export const doubtful = (detail: string, remedy?: string): Finding =>
  remedy === undefined ? { status: 'warning', detail } : { status: 'warning', detail, remedy }
