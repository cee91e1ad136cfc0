/**
 * Explores every interleaving of what can happen in the product's small state machines, up to a bound, deeper than the tests do.
 *   npm run model [-- NAME...] [--depth N] [--record DIR]
 * Without a name all are explored, one after the other. Prints for each how many states there are, and whether these are all; for what
 * does not hold the shortest way there. Exit codes: 0 all hold, 1 something does not, 2 usage.
 */
import { parseArgs } from 'node:util'
import { commandLine, runHeader, writeRecord } from '../../scripts/reliability/run-record.ts'
import { type Exploration, storyOf } from './explore.ts'
import { type Model, models } from './models.ts'

const { values, positionals } = parseArgs({
  options: { depth: { type: 'string' }, record: { type: 'string' } },
  allowPositionals: true,
})
const depth = values.depth === undefined ? undefined : Number(values.depth)
const strangers = positionals.filter((name) => models.every((model) => model.name !== name))

if (strangers.length > 0 || (depth !== undefined && !(Number.isInteger(depth) && depth > 0))) {
  const wrong =
    strangers.length > 0 ? `no model ${strangers.join(', ')}` : `--depth ${values.depth} is no number of actions`
  process.stderr.write(`${wrong}; there are ${models.map(({ name }) => name).join(', ')}\n`)
  process.exitCode = 2
} else process.exitCode = await exploreAll(positionals.length === 0 ? models : models.filter(isWanted))

function isWanted({ name }: Model): boolean {
  return positionals.includes(name)
}

async function exploreAll(wanted: readonly Model[]): Promise<number> {
  const systems = []
  for (const model of wanted) {
    process.stdout.write(`${model.name}: ${model.holds}\n  bounds: ${model.bounds('deep')}\n`)
    const begunAtMs = Date.now()
    const found = await model.explore('deep', depth)
    process.stdout.write(`${told(found, (Date.now() - begunAtMs) / 1_000)}\n`)
    systems.push(recorded(model, found))
  }
  if (values.record !== undefined)
    process.stdout.write(`${writeRecord(values.record, { ...runHeader('model', commandLine('model')), systems })}\n`)
  return systems.some(({ violations }) => violations.length > 0) ? 1 : 0
}

function told(found: Exploration, seconds: number): string {
  const { states, transitions, depth: deepest, isExhaustive, completeTo, settled, compared, violation } = found
  const extent = isExhaustive ? `all that there are, the last at depth ${deepest}` : `all to depth ${completeTo}`
  const facts = `  ${states} states, ${transitions} transitions: ${extent}; ${settled} settled, ${compared} compared`
  const time = `; ${seconds.toFixed(0)} s`
  return violation === undefined ? `${facts}${time}` : `${facts}${time}\n${storyOf(violation)}`
}

function recorded(
  model: Model,
  { states, transitions, depth: deepest, isExhaustive, completeTo, violation }: Exploration,
) {
  return {
    system: model.name,
    states,
    transitions,
    depth: isExhaustive ? deepest : completeTo,
    isExhaustive,
    bounds: model.bounds('deep'),
    violations: violation === undefined ? [] : [storyOf(violation)],
  }
}
