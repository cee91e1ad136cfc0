/** RELIABILITY.md is made of records alone, and what does not hold comes first. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { readRecords } from '../../scripts/reliability/read-records.ts'
import { renderReliability } from '../../scripts/reliability/render.ts'
import { KINDS } from '../../scripts/reliability/run-record.ts'
import { TITLES } from '../../scripts/reliability/sections.ts'
import { madeUpRecords, type Records } from './made-up-records.ts'

/** What stands under a head of the second level. */
const under = (page: string, head: string): string =>
  page.split(/^## /m).find((part) => part.startsWith(`${head}\n`)) ?? ''

test('the page is what the records say: npm run reliability', () => {
  const made = renderReliability(readRecords('reliability'))
  assert.equal(readFileSync('RELIABILITY.md', 'utf8'), made)
})

test('where all holds it says so, and gives each figure with its commit and how to repeat it', () => {
  const records = madeUpRecords()
  const page = renderReliability(records)
  assert.match(
    under(page, 'What does not hold'),
    /^What does not hold\n\nNothing that these runs look for was found\.\n/,
  )
  for (const kind of KINDS) {
    const section = under(page, TITLES[kind])
    assert.ok(section.includes(`Repeat with \`${records[kind].command}\``), kind)
    assert.ok(section.includes('Commit `0123456789ab`, 2026-01-02T03:04:05.678Z, 12.5 minutes on Some CPU'), kind)
  }
})

test('the figures of the simulator are all there', () => {
  const section = under(renderReliability(madeUpRecords()), TITLES.sim)
  for (const row of [
    '| seeds run | 1,200 (1 to 1200) |',
    '| time simulated | 100 hours in 600.0 s |',
    '| messages in | 90,000 |',
    '| messages delivered | 80,000 |',
    '| expired | 120 |',
    '| dropped, by reason | 7 queue_full |',
    '| doubled | 0 |',
    '| healing | median 1.3 s, worst 31.0 s (of 5) |',
    '| faults | 300 crash, 200 partition |',
  ])
    assert.ok(section.includes(row), row)
})

for (const { what, spoil, words } of [
  {
    what: 'a seed that failed',
    spoil: ({ sim, ...rest }: Records) => ({
      ...rest,
      sim: { ...sim, failures: [{ seed: 17, invariant: 'no loop', story: 'a crash,\nthen | a <cut>' }] },
    }),
    words: '- **Simulation**: no loop: seed 17 (`npm run sim -- --seed 17`). a crash, then \\| a &lt;cut>',
  },
  {
    what: 'a planted bug that no seed found',
    spoil: ({ mutants, ...rest }: Records) => ({
      ...rest,
      mutants: { ...mutants, mutants: [{ name: 'seq reset', caughtBySeed: null, seedsTried: 200 }] },
    }),
    words: '- **Planted bugs**: the planted bug "seq reset" is not found by any of 200 seeds',
  },
  {
    what: 'a model of which not all was seen',
    spoil: ({ model, ...rest }: Records) => ({
      ...rest,
      model: { ...model, systems: model.systems.map((system) => ({ ...system, isExhaustive: false })) },
    }),
    words: '- **Model check**: lease: not all states were seen, only those down to depth 30',
  },
  {
    what: 'a model that can go wrong',
    spoil: ({ model, ...rest }: Records) => ({
      ...rest,
      model: { ...model, systems: model.systems.map((system) => ({ ...system, violations: ['two holders: a, b'] })) },
    }),
    words: '- **Model check**: lease: two holders: a, b',
  },
  {
    what: 'a scenario that did not hold',
    spoil: ({ chaos, ...rest }: Records) => ({
      ...rest,
      chaos: { ...chaos, scenarios: chaos.scenarios.map((one) => ({ ...one, failures: ['3 messages lost'] })) },
    }),
    words: '- **Chaos on real processes**: link cut for 5 s: 3 messages lost',
  },
  {
    what: 'a soak that grew',
    spoil: ({ soak, ...rest }: Records) => ({ ...rest, soak: { ...soak, failures: ['us-east-1: heap grows'] } }),
    words: '- **Soak**: us-east-1: heap grows',
  },
  {
    what: 'a finding of the fuzzer',
    spoil: ({ fuzz, ...rest }: Records) => ({
      ...rest,
      fuzz: { ...fuzz, targets: fuzz.targets.map((target) => ({ ...target, findings: ['crashed: repeat by ...'] })) },
    }),
    words: '- **Fuzzing**: publish: crashed: repeat by ...',
  },
  {
    what: 'a run of which there is no record',
    spoil: ({ sim, mutants, model, soak, fuzz }: Records) => ({ sim, mutants, model, soak, fuzz }),
    words: '- **Chaos on real processes**: there is no record of a run, so nothing is known',
  },
  {
    what: 'a run of a changed checkout',
    spoil: ({ fuzz, ...rest }: Records) => ({ ...rest, fuzz: { ...fuzz, commit: `${fuzz.commit}-dirty` } }),
    words: '- **Fuzzing**: the run was of a checkout with changes that no commit holds',
  },
  {
    what: 'runs of several commits',
    spoil: ({ fuzz, ...rest }: Records) => ({ ...rest, fuzz: { ...fuzz, commit: 'f'.repeat(40) } }),
    words: '- the records are of 2 commits: what one shows, another may have lost',
  },
])
  test(`${what} is said first`, () => {
    const page = renderReliability(spoil(madeUpRecords()))
    const first = under(page, 'What does not hold')
    assert.ok(first.includes(`\n${words}\n`), first)
    assert.ok(!first.includes('Nothing that these runs'), first)
    assert.match(page, /^# Reliability\n\n[^#]*\n## What does not hold\n/)
  })

test('without any record it holds nothing but what is not known', () => {
  const page = renderReliability({})
  for (const kind of KINDS) assert.ok(page.includes(`- **${TITLES[kind]}**: there is no record`))
})

test('no figure is of a place where it was measured', () => {
  const page = renderReliability(readRecords('reliability'))
  assert.ok(!page.includes(join(process.cwd(), 'reliability')) && !/\/(?:home|root|tmp|work)\//.test(page))
})
