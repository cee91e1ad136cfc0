/** What RELIABILITY.md says of each kind of run. Pure. */
import { counts, grouped, healing, seconds, table } from './markdown.ts'
import type { Kind, RecordOf, RunRecord } from './run-record.ts'

export const TITLES: Readonly<Record<Kind, string>> = {
  sim: 'Simulation',
  mutants: 'Planted bugs',
  model: 'Model check',
  chaos: 'Chaos on real processes',
  soak: 'Soak',
  fuzz: 'Fuzzing',
}

/** Without its head. */
export function sectionOf(record: RunRecord): string[] {
  switch (record.kind) {
    case 'sim':
      return simSection(record)
    case 'mutants':
      return mutantsSection(record)
    case 'model':
      return modelSection(record)
    case 'chaos':
      return chaosSection(record)
    case 'soak':
      return soakSection(record)
    case 'fuzz':
      return fuzzSection(record)
  }
}

/** In one line, for the table of all. */
export function summaryOf(record: RunRecord): string {
  switch (record.kind) {
    case 'sim': {
      const { seeds, virtualHours, failures } = record
      return `${grouped(seeds)} seeds, ${grouped(virtualHours)} hours simulated, ${grouped(failures.length)} failed`
    }
    case 'mutants': {
      const caught = record.mutants.filter(({ caughtBySeed }) => caughtBySeed !== null)
      return `${caught.length} of ${record.mutants.length} caught`
    }
    case 'model': {
      const states = record.systems.reduce((sum, system) => sum + system.states, 0)
      return `${grouped(states)} states of ${record.systems.length} systems`
    }
    case 'chaos': {
      const failed = record.scenarios.filter(({ failures }) => failures.length > 0)
      return `${record.scenarios.length} scenarios, ${failed.length} failed`
    }
    case 'soak': {
      const growing = record.slopes.filter(({ isFlat }) => !isFlat)
      return `${record.slopes.length} slopes, ${growing.length} not flat; ${grouped(record.messages.lost)} messages lost`
    }
    case 'fuzz': {
      const executions = record.targets.reduce((sum, target) => sum + target.executions, 0)
      return `${grouped(executions)} inputs for ${record.targets.length} targets`
    }
  }
}

function simSection({ from, to, seeds, virtualHours, realSeconds, speedFactor, ...rest }: RecordOf<'sim'>): string[] {
  const { faults, messages, healingMs, failures } = rest
  return [
    'Whole clusters in one process under virtual time, driven by a seed; what must hold is checked after every step.',
    '',
    ...table(
      ['figure', 'value'],
      [
        ['seeds run', `${grouped(seeds)} (${from} to ${to})`],
        ['seeds that failed', grouped(failures.length)],
        ['time simulated', `${grouped(virtualHours)} hours in ${seconds(realSeconds * 1000)}`],
        ['speed', `${grouped(speedFactor)} times real time on one core`],
        ['messages in', grouped(messages.in)],
        ['messages delivered', grouped(messages.delivered)],
        ['expired', grouped(messages.expired)],
        ['dropped, by reason', counts(messages.dropped)],
        ['doubled', grouped(messages.doubled)],
        ['healing', healing(healingMs)],
        ['faults', counts(faults)],
      ],
    ),
  ]
}

function mutantsSection({ mutants }: RecordOf<'mutants'>): string[] {
  return [
    'Bugs that are put into the product on purpose, and the first seed of the simulator that finds each.',
    '',
    ...table(
      ['bug', 'found by seed', 'seeds tried'],
      mutants.map(({ name, caughtBySeed, seedsTried }) => [
        name,
        caughtBySeed === null ? '**none**' : String(caughtBySeed),
        seedsTried,
      ]),
    ),
  ]
}

function modelSection({ systems }: RecordOf<'model'>): string[] {
  return [
    'Every interleaving of the small and sharp parts, up to a bound.',
    '',
    ...table(
      ['system', 'states', 'transitions', 'depth', 'all of them', 'bounds', 'violations'],
      systems.map(({ system, states, transitions, depth, isExhaustive, bounds = '', violations }) => [
        system,
        states,
        transitions,
        depth,
        isExhaustive ? 'yes' : '**no**',
        bounds,
        violations.length,
      ]),
    ),
  ]
}

function chaosSection({ scenarios }: RecordOf<'chaos'>): string[] {
  const judgements = scenarios.flatMap(({ name, judgement }) =>
    judgement.map((figures) => {
      const { qos, accepted, due, delivered, lost, doubled, outOfOrder, misdelivered } = figures
      return [name, qos, accepted, due, delivered, lost, doubled, outOfOrder, misdelivered]
    }),
  )
  const remarks = scenarios.flatMap(({ name, remarks: all }) => all.map((words) => `- ${name}: ${words}`))
  return [
    'Real node processes, a real `nats-server`, real sockets; judged by what publishers were told and what subscribers got.',
    '',
    ...table(
      ['scenario', 'seconds', 'faults', 'healing', 'dropped, by reason', 'verdict'],
      scenarios.map(({ name, seconds: long, faults, healingMs, dropped, failures }) => [
        name,
        long,
        counts(faults),
        healing(healingMs),
        counts(dropped),
        failures.length === 0 ? 'held' : '**did not hold**',
      ]),
    ),
    '',
    ...table(
      ['scenario', 'QoS', 'accepted', 'due', 'delivered', 'lost', 'doubled', 'out of order', 'misdelivered'],
      judgements,
    ),
    ...(remarks.length === 0 ? [] : ['', ...remarks]),
  ]
}

function soakSection({ processes, slopes, messages, faults, operations, healingMs }: RecordOf<'soak'>): string[] {
  const { acknowledged, due, delivered, lost, doubled } = messages
  return [
    `${processes} nodes of linked clusters under a mixed load with faults. How each figure grows over the second half of each life of`,
    "a process (Theil-Sen's slope; what it grows by at least, with 99 % of confidence, is held against the bound).",
    '',
    ...table(
      ['figure', 'value'],
      [
        ['messages acknowledged', grouped(acknowledged)],
        ['deliveries due', grouped(due)],
        ['delivered', grouped(delivered)],
        ['lost', grouped(lost)],
        ['doubled', grouped(doubled)],
        ['faults', counts(faults)],
        ['clients', counts(operations)],
        ['healing', healing(healingMs)],
      ],
    ),
    '',
    ...table(
      ['process', 'life', 'figure', 'unit', 'median', 'an hour', 'at least', 'bound', 'verdict'],
      slopes.map(({ process, life, figure, unit, median, perHour, perHourAtLeast, perHourMax, isFlat }) => [
        process,
        life,
        figure,
        unit,
        median,
        perHour,
        perHourAtLeast,
        perHourMax,
        isFlat ? 'flat' : '**grows**',
      ]),
    ),
  ]
}

function fuzzSection({ seed, targets }: RecordOf<'fuzz'>): string[] {
  return [
    `Made-up and damaged input for everything that reads what strangers send, of seed ${seed}.`,
    '',
    ...table(
      ['target', 'executions', 'seconds', 'slowest input, ms', 'findings'],
      targets.map(({ target, executions, seconds: long, slowestMs, findings }) => [
        target,
        executions,
        long,
        slowestMs,
        findings.length,
      ]),
    ),
  ]
}
