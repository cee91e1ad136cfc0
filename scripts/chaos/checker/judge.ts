/** Judges a run: what was promised against what was seen. Pure. */
import type { Observed } from './observed.ts'
import type { JudgeInput, Verdict } from './verdict.ts'

export function judge(_observed: Observed, _input: JudgeInput): Verdict {
  throw new Error('follows')
}
