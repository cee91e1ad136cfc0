/**
 * Does the simulator find bugs? Plants ten into copies of the compiled product, one at a time, and runs seeds until one finds it.
 *
 *     npm run sim:mutants                       all of them, with the seeds 1 to 200
 *     ... -- --only NAME                        those with this in their names
 *     ... -- --seeds A..B --jobs N --record DIR   writes DIR/mutants.json
 *
 * Exits with 1 if one was not caught.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { commandLine, runHeader, writeRecord } from '../../../scripts/reliability/run-record.ts'
import { type Catch, hunt, SoundSeeds } from './hunt.ts'
import { mutants } from './mutants.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seeds: { type: 'string', default: '1..200' },
    record: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
})

const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(values.seeds) ?? []
const chosen = mutants.filter(({ name }) => name.includes(values.only))
if (from === undefined || to === undefined || chosen.length === 0) {
  process.stderr.write(`say --seeds A..B, and --only with some of: ${mutants.map(({ name }) => name).join(', ')}\n`)
  process.exit(2)
}

const sound = new SoundSeeds()
const catches: Catch[] = []
const width = Math.max(...chosen.map(({ name }) => name.length))
for (const mutant of chosen) {
  const found = await hunt(mutant, { from: Number(from), to: Number(to), jobs: Number(values.jobs) }, sound)
  catches.push(found)
  const { name, caughtBySeed, seedsTried, invariant, words } = found
  const by = caughtBySeed === null ? 'NOT CAUGHT' : `seed ${caughtBySeed}, ${invariant ?? ''}`
  process.stdout.write(`${name.padEnd(width)}  ${by} (${seedsTried} seeds tried)\n    ${words.slice(0, 300)}\n`)
}
const caught = catches.filter(({ caughtBySeed }) => caughtBySeed !== null).length
process.stdout.write(`${caught} of ${catches.length} mutants caught\n`)
if (values.record !== undefined) {
  writeRecord(values.record, {
    ...runHeader('mutants', commandLine('sim:mutants')),
    mutants: catches.map(({ name, caughtBySeed, seedsTried }) => ({ name, caughtBySeed, seedsTried })),
  })
}
process.exitCode = caught === catches.length ? 0 : 1
