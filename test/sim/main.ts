/**
 * The simulator's command line:
 *
 *     npm run sim -- --seed N              one seed, with the story of what happened if it fails
 *     npm run sim -- --seeds A..B          all of these
 *     npm run sim -- --found FILE          a plan that was kept
 *     npm run sim -- --minutes M           as many as there is time for, beginning at a seed that nobody has run yet
 *     ... --record DIR                     writes DIR/sim.json
 *     ... --keep FILE                      writes the smallest plan that fails
 *
 * Exits with 1 if anything that must hold did not.
 */
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { commandLine, runHeader, writeRecord } from '../../scripts/reliability/run-record.ts'
import { endWhenUnread } from '../../src/cli/end-when-unread.ts'
import type { Found } from './found.ts'
import type { Report } from './report.ts'
import { failureWords, Tallied } from './tallied.ts'
import { runWorkers, spreadSeeds, type Task } from './workers.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    minutes: { type: 'string' },
    found: { type: 'string' },
    record: { type: 'string' },
    keep: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
})

endWhenUnread()
const untilMs =
  values.minutes === undefined ? Number.POSITIVE_INFINITY : Date.now() + numberOf('minutes', values.minutes) * 60_000
const tallied = new Tallied()
await runWorkers({ tasks: tasks(), shrinks: true, untilMs, told })
process.stdout.write(`${tallied.words()}\n`)
if (values.record !== undefined)
  writeRecord(values.record, { ...runHeader('sim', commandLine('sim')), ...tallied.record() })
process.exitCode = tallied.failures.length > 0 ? 1 : 0

function told(report: Report): void {
  tallied.add(report)
  if (report.type === 'summary' && report.summary.violation !== null)
    process.stdout.write(`seed ${report.summary.seed}: ${failureWords(report.summary.violation)}\n`)
  if (report.type !== 'story') return
  process.stdout.write(`\n${report.story}\n\n`)
  if (values.keep === undefined) return
  const found: Found = { found: report.violation.words, plan: report.plan }
  writeFileSync(values.keep, `${JSON.stringify(found, undefined, 2)}\n`)
}

function tasks(): Task[] {
  const { seed, seeds, minutes, found } = values
  const jobs = numberOf('jobs', values.jobs)
  if (found !== undefined) return [{ type: 'found', files: [found] }]
  if (seed !== undefined) return spreadSeeds(numberOf('seed', seed), numberOf('seed', seed), 1)
  const [first, last] =
    /^(\d+)\.\.(\d+)$/
      .exec(seeds ?? '')
      ?.slice(1)
      .map(Number) ?? []
  if (first !== undefined && last !== undefined && first <= last) return spreadSeeds(first, last, jobs)
  if (minutes !== undefined) return spreadSeeds(Math.floor(Date.now() / 1_000), Number.MAX_SAFE_INTEGER, jobs)
  return refuse('say --seed N, --seeds A..B, --minutes M or --found FILE')
}

function numberOf(option: string, text: string): number {
  const number = Number(text)
  const isWhole = option === 'minutes' || Number.isSafeInteger(number)
  return number > 0 && isWhole ? number : refuse(`--${option} ${text}: expected a number above 0`)
}

function refuse(words: string): never {
  process.stderr.write(`sim: ${words}\n`)
  process.exit(2)
}
