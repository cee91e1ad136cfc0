/** What all seeds of a run were like together. */
import type { RecordOf } from '../../scripts/reliability/run-record.ts'
import { invariants, type Violation } from './oracle/violation.ts'
import type { Report } from './report.ts'
import type { Summary } from './run/summary.ts'

type Figures = Omit<RecordOf<'sim'>, 'kind' | 'commit' | 'at' | 'command' | 'minutes' | 'machine'>

export class Tallied {
  readonly #summaries: Summary[] = []
  readonly #stories = new Map<number, string>()

  add(report: Report): void {
    if (report.type === 'summary') this.#summaries.push(report.summary)
    else this.#stories.set(report.seed, report.story)
  }

  get failures(): readonly { readonly seed: number; readonly violation: Violation }[] {
    return this.#summaries.flatMap(({ seed, violation }) => (violation === null ? [] : [{ seed, violation }]))
  }

  record(): Figures {
    const seeds = this.#summaries.map(({ seed }) => seed)
    const virtualMs = sum(this.#summaries.map((one) => one.virtualMs))
    const cpuMs = sum(this.#summaries.map((one) => one.cpuMs))
    const of = (pick: (messages: Summary['messages']) => number) =>
      sum(this.#summaries.map(({ messages }) => pick(messages)))
    return {
      seeds: seeds.length,
      from: Math.min(...seeds),
      to: Math.max(...seeds),
      failures: this.failures.map(({ seed, violation }) => ({
        seed,
        invariant: violation.invariant,
        story: this.#stories.get(seed) ?? violation.words,
      })),
      virtualHours: virtualMs / 3_600_000,
      realSeconds: cpuMs / 1_000,
      speedFactor: cpuMs === 0 ? 0 : virtualMs / cpuMs,
      faults: added(this.#summaries.map(({ faults }) => faults)),
      messages: {
        in: of((messages) => messages.in),
        delivered: of(({ delivered }) => delivered),
        expired: of(({ expired }) => expired),
        dropped: added(this.#summaries.map(({ messages }) => messages.dropped)),
        doubled: of(({ doubled }) => doubled),
      },
      healingMs: this.#summaries.flatMap(({ healedMs }) => (healedMs === null ? [] : [healedMs])),
    }
  }

  /** For people. */
  words(): string {
    if (this.#summaries.length === 0) return 'no seed was run'
    const { seeds, from, to, virtualHours, realSeconds, speedFactor, messages, healingMs, faults } = this.record()
    const failed = this.failures.map(({ seed }) => seed)
    return [
      `${seeds} seeds (${from} to ${to}), ${failed.length === 0 ? 'none fails' : `${failed.length} fail: ${failed.join(', ')}`}`,
      `${virtualHours.toFixed(2)} hours in ${realSeconds.toFixed(0)} s of one core: ${speedFactor.toFixed(0)} times real time`,
      `${messages.in} messages taken, ${messages.delivered} handed over, ${messages.expired} expired, ${messages.doubled} doubled, dropped ${counts(messages.dropped)}`,
      `faults and acts: ${counts(faults)}`,
      `well again after ${quantile(healingMs, 0.5)} ms in the middle, ${quantile(healingMs, 1)} ms at worst`,
    ].join('\n')
  }
}

export function failureWords({ invariant, atMs, words }: Violation): string {
  return `${invariant} (DESIGN 9.${invariants[invariant]}) does not hold after ${(atMs / 1_000).toFixed(1)} s: ${words}`
}

function counts(tally: Readonly<Record<string, number>>): string {
  const found = Object.entries(tally).sort(([one], [other]) => (one < other ? -1 : 1))
  return found.length === 0 ? 'none' : found.map(([name, count]) => `${name} ${count}`).join(', ')
}

function added(tallies: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {}
  for (const one of tallies) for (const [name, count] of Object.entries(one)) total[name] = (total[name] ?? 0) + count
  return total
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
}
