/**
 * The simulator's command line:
 *
 *     npm run sim -- --seed N              one seed, with the story of what happened if it fails
 *     npm run sim -- --seeds A..B          all of these
 *     npm run sim -- --minutes M           as many as there is time for, beginning at a seed that nobody has run yet
 *     ... --record DIR                     writes DIR/sim.json
 *
 * Exits with 1 if anything that must hold did not.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { commandLine, runHeader, writeRecord } from '../../scripts/reliability/run-record.ts'
import type { Report } from './report.ts'
import { failureWords, Tallied } from './tallied.ts'
import { runWorkers } from './workers.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    minutes: { type: 'string' },
    record: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
})

const isOne = values.seed !== undefined
const [from, to] = range()
const untilMs = values.minutes === undefined ? Number.POSITIVE_INFINITY : Date.now() + Number(values.minutes) * 60_000
const tallied = new Tallied()
await runWorkers({ from, to, jobs: isOne ? 1 : Number(values.jobs), shrinks: true, untilMs, told })
process.stdout.write(`${tallied.words()}\n`)
if (values.record !== undefined)
  writeRecord(values.record, { ...runHeader('sim', commandLine('sim')), ...tallied.record() })
process.exitCode = tallied.failures.length > 0 ? 1 : 0

function told(report: Report): void {
  tallied.add(report)
  if (report.type === 'summary' && report.summary.violation !== null)
    process.stdout.write(`seed ${report.summary.seed}: ${failureWords(report.summary.violation)}\n`)
  if (report.type === 'story') process.stdout.write(`\n${report.story}\n\n`)
}

function range(): readonly [number, number] {
  const { seed, seeds, minutes } = values
  if (seed !== undefined) return [Number(seed), Number(seed)]
  const [first, last] =
    /^(\d+)\.\.(\d+)$/
      .exec(seeds ?? '')
      ?.slice(1)
      .map(Number) ?? []
  if (first !== undefined && last !== undefined) return [first, last]
  if (minutes !== undefined) return [Math.floor(Date.now() / 1_000), Number.MAX_SAFE_INTEGER]
  process.stderr.write('say --seed N, --seeds A..B or --minutes M\n')
  process.exit(2)
}
