/** What does not hold, as records of runs have it: what RELIABILITY.md says first. Pure. */
import { type Kind, KINDS, type RunRecord } from './run-record.ts'

export type Records = { readonly [K in Kind]?: Extract<RunRecord, { readonly kind: K }> }

export type Failing = {
  /** `undefined`: of the records together. */
  readonly kind: Kind | undefined
  readonly words: string
}

/** Those of the product, then what the records leave open. */
export function failingsIn(records: Records): Failing[] {
  const found = KINDS.flatMap((kind) => {
    const record = records[kind]
    return record === undefined ? [] : failingsOf(record).map((words) => ({ kind, words }))
  })
  return [...found, ...openQuestions(records)]
}

function failingsOf(record: RunRecord): string[] {
  switch (record.kind) {
    case 'sim':
      return record.failures.map(
        ({ seed, invariant, story }) => `${invariant}: seed ${seed} (\`npm run sim -- --seed ${seed}\`). ${story}`,
      )
    case 'mutants':
      return record.mutants.flatMap(({ name, caughtBySeed, seedsTried }) =>
        caughtBySeed === null ? [`the planted bug "${name}" is not found by any of ${seedsTried} seeds`] : [],
      )
    case 'model':
      return record.systems.flatMap(({ system, violations, isExhaustive, depth }) => [
        ...violations.map((words) => `${system}: ${words}`),
        ...(isExhaustive ? [] : [`${system}: not all states were seen, only those down to depth ${depth}`]),
      ])
    case 'chaos':
      return record.scenarios.flatMap(({ name, failures }) => failures.map((words) => `${name}: ${words}`))
    case 'soak':
      return [...record.failures]
    case 'fuzz':
      return record.targets.flatMap(({ target, findings }) => findings.map((words) => `${target}: ${words}`))
  }
}

function openQuestions(records: Records): Failing[] {
  const there = KINDS.flatMap((kind) => records[kind] ?? [])
  const missing = KINDS.filter((kind) => records[kind] === undefined)
  const dirty = there.filter(({ commit }) => commit.endsWith('-dirty'))
  const commits = new Set(there.map(({ commit }) => commit.slice(0, 12)))
  return [
    ...missing.map((kind) => ({ kind, words: 'there is no record of a run, so nothing is known' })),
    ...dirty.map(({ kind }) => ({ kind, words: 'the run was of a checkout with changes that no commit holds' })),
    ...(commits.size > 1
      ? [
          {
            kind: undefined,
            words: `the records are of ${commits.size} commits: what one shows, another may have lost`,
          },
        ]
      : []),
  ]
}
