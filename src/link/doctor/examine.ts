/** Goes through the steps one after the other, each within its time and all within theirs, up to the first that is broken. */
import { broken, type DoctorReport, type Finding, skipped, type Step } from './finding.ts'

export type Examination = {
  readonly step: string
  readonly title: string
  /** Looks, and says what it saw. What it throws is a finding, too. */
  readonly look: () => Promise<Finding> | Finding
}

/** Steps that answer one question together: if one of them is broken the others are looked at all the same. */
export type Stage = readonly Examination[]

export type ExamineTerms = {
  readonly clock: { steadyMs(): number; after(ms: number, call: () => void): { cancel(): void } }
  /** For each step and for all of them, milliseconds. */
  readonly stepMs: number
  readonly allMs: number
}

export const doctorTimes = { stepMs: 5_000, allMs: 20_000 } as const

/** Never rejects. */
export async function examine(stages: readonly Stage[], { clock, stepMs, allMs }: ExamineTerms): Promise<DoctorReport> {
  const endMs = clock.steadyMs() + allMs
  const steps: Step[] = []
  let isBroken = false
  for (const stage of stages) {
    const passed = isBroken
    for (const { step, title, look } of stage) {
      if (passed) {
        steps.push({ step, title, ...skipped('not looked at: an earlier step is broken'), ms: 0 })
        continue
      }
      const fromMs = clock.steadyMs()
      const finding = await within(clock, Math.min(stepMs, endMs - fromMs), look)
      steps.push({ step, title, ...finding, ms: Math.round(clock.steadyMs() - fromMs) })
      if (finding.status === 'failed') isBroken = true
    }
  }
  return { ok: !isBroken, steps }
}

async function within(clock: ExamineTerms['clock'], ms: number, look: Examination['look']): Promise<Finding> {
  const late = broken(
    `not known after ${Math.max(0, Math.round(ms / 100) / 10)} s`,
    'look whether this node or the network is overloaded, and ask again',
  )
  if (ms <= 0) return late
  let timer: { cancel(): void } | undefined
  try {
    return await Promise.race([
      look(),
      new Promise<Finding>((resolve) => void (timer = clock.after(ms, () => resolve(late)))),
    ])
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    return broken(`could not be looked at: ${words}`, 'look into the log of this node')
  } finally {
    timer?.cancel()
  }
}
