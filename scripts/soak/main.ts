/**
 * Does what a node needs stay what it was, whatever is done to it, and is every message kept? Real nodes, linked clusters, a real
 * nats-server; a mixed load with faults.
 *   npm run soak -- [--minutes 10] [--per-second 60] [--churn-per-second 4] [--seed N] [--beside] [--record DIR]
 * Prints what grows and by how much in an hour (Theil-Sen's slope over the second half of each life of a process). `--beside`:
 * other programs compute on this machine meanwhile. Exit codes: 0 all flat and nothing lost, 1 not so, 2 usage.
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { commandLine, runHeader, writeRecord } from '../reliability/run-record.ts'
import { soak } from './soak.ts'
import { soakLines } from './table.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    'per-second': { type: 'string', default: '60' },
    'churn-per-second': { type: 'string', default: '4' },
    seed: { type: 'string' },
    beside: { type: 'boolean', default: false },
    record: { type: 'string' },
  },
})

// Whoever stops a soak stops the processes that it started: they are ended when this one exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const minutes = Number(values.minutes)
const perSecond = Number(values['per-second'])
const churnPerSecond = Number(values['churn-per-second'])
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
if (![minutes, perSecond, churnPerSecond].every((number) => number > 0) || !Number.isInteger(seed)) {
  process.stderr.write('--minutes, --per-second and --churn-per-second are numbers above 0, --seed is a whole number\n')
  process.exitCode = 2
} else {
  say(`seed ${seed}`)
  const result = await soak({ minutes, seed, perSecond, churnPerSecond, isBeside: values.beside, say })
  soakLines(result).forEach(say)
  if (values.record !== undefined) writeRecord(values.record, { ...runHeader('soak', commandLine('soak')), ...result })
  process.exitCode = result.failures.length === 0 ? 0 : 1
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
