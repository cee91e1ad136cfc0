/**
 * Runs scenarios, judges each, writes the report. `isthmus chaos` is its front and hands over what it was asked as JSON:
 * `node run.js '{"scenarios":["link-cut-5s"],…}'`. Exit code: 0 if everything held, 1 if not, 2 for what there is not.
 */
import { setMaxListeners } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomInt } from 'node:crypto'
import { seeded } from './chance.ts'
import { writeChaosRecord } from './chaos-record.ts'
import type { ScenarioResult } from './report/scenario-result.ts'
import { writeReport } from './report/write-report.ts'
import { runScenario } from './run-scenario.ts'
import { endWhenUnread } from '../../src/cli/end-when-unread.ts'
import { scenariosNamed, UnknownScenario } from './scenarios/all.ts'

export type ChaosOptions = {
  /** All, if there are none. */
  readonly scenarios: readonly string[]
  readonly list: boolean
  readonly seed?: number | undefined
  readonly minutes?: number | undefined
  readonly results?: string | undefined
  readonly record?: string | undefined
}

const out = (line: string): void => void process.stdout.write(`${line}\n`)

async function chaos(options: ChaosOptions): Promise<0 | 1> {
  const chosen = scenariosNamed(options.scenarios)
  if (options.list) {
    endWhenUnread()
    const width = Math.max(...chosen.map(({ name }) => name.length))
    for (const { name, about } of chosen) out(`${name.padEnd(width)}  ${about}`)
    return 0
  }
  const seed = options.seed ?? randomInt(2 ** 32)
  const interruption = onInterruption()
  const results: ScenarioResult[] = []
  for (const scenario of chosen) {
    if (interruption.aborted) break
    out(`${scenario.name} (seed ${seed})`)
    const result = await runScenario(scenario, {
      random: seeded(seed),
      minutes: options.minutes,
      say: out,
      signal: interruption,
    })
    results.push(result)
    for (const line of verdictLines(result)) out(`  ${line}`)
  }
  const directory = options.results ?? mkdtempSync(join(tmpdir(), 'isthmus-chaos-report-'))
  out(`\n${writeReport(results, directory)}\nThe report is in ${directory}`)
  if (options.record !== undefined && !interruption.aborted)
    writeChaosRecord(options.record, commandOf(options, seed), results)
  return results.length === chosen.length && results.every(isGood) ? 0 : 1
}

function isGood(result: ScenarioResult): boolean {
  return result.type === 'skipped' || (result.type === 'judged' && result.verdict.holds)
}

function verdictLines(result: ScenarioResult): readonly string[] {
  if (result.type !== 'judged') return [`${result.type.toUpperCase()}: ${result.reason}`]
  const { holds, findings } = result.verdict
  return holds ? ['holds'] : findings.map(({ severity, words }) => `${severity.toUpperCase()}: ${words}`)
}

/** Aborted at the first Ctrl-C, SIGTERM or SIGHUP, or when the front is gone; a second signal ends this process, and its nodes with it. */
function onInterruption(): AbortSignal {
  const interruption = new AbortController()
  // Each step of a timeline listens to it.
  setMaxListeners(0, interruption.signal)
  const interrupt = (): void => {
    if (interruption.signal.aborted) process.exit(1)
    interruption.abort()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)
  process.on('disconnect', () => interruption.abort())
  // Who waits for that alone is done.
  process.channel?.unref()
  return interruption.signal
}

function commandOf({ scenarios, minutes }: ChaosOptions, seed: number): string {
  const more = [...scenarios, `--seed ${seed}`, ...(minutes === undefined ? [] : [`--minutes ${minutes}`])]
  return `npx isthmus chaos ${more.join(' ')}`
}

try {
  process.exitCode = await chaos(JSON.parse(process.argv[2] ?? '{"scenarios":[],"list":true}'))
} catch (error) {
  process.stderr.write(`isthmus chaos: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = error instanceof UnknownScenario ? 2 : 1
}
