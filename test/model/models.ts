/** The systems that are explored, how far in the tests and how far otherwise, and the faults planted to show that they would be found. */
import { explore, type Bounds, type Exploration, type System } from './explore.ts'
import { crossing } from './crossing.ts'
import { fencing } from './fencing.ts'
import { lanes } from './lanes.ts'
import { lease } from './lease.ts'
import { routes } from './routes.ts'

export type Depth = 'tested' | 'deep'

export type Mutant = {
  readonly name: string
  /** What the planted fault has to lead to. */
  readonly says: RegExp
  readonly explore: () => Promise<Exploration>
}

export type Model = {
  readonly name: string
  /** What is shown to hold, in words. */
  readonly holds: string
  /** In words. */
  readonly bounds: (depth: Depth) => string
  /** @param depth of the search; as deep as is known to end in a reasonable time, if left out */
  readonly explore: (how: Depth, depth?: number) => Promise<Exploration>
  readonly mutants: readonly Mutant[]
}

type Extent<Scope> = { readonly scope: Scope; readonly bounds: Bounds }

type Plan<Scope> = {
  readonly name: string
  readonly holds: string
  readonly tested: Extent<Scope>
  readonly deep: Extent<Scope>
  readonly mutants: readonly { readonly name: string; readonly says: RegExp; readonly scope: Scope }[]
}

function modelOf<Scope extends object, World>(system: (scope: Scope) => System<World>, plan: Plan<Scope>): Model {
  const { name, holds, mutants } = plan
  return {
    name,
    holds,
    bounds: (depth) => wordsOf(plan[depth].scope),
    explore: (how, depth) => {
      const { scope, bounds } = plan[how]
      return explore(system(scope), { ...bounds, depth: depth ?? bounds.depth })
    },
    mutants: mutants.map((mutant) => ({
      name: mutant.name,
      says: mutant.says,
      explore: () => explore(system(mutant.scope), { depth: 20, statesMax: 20_000, compareEvery: 0 }),
    })),
  }
}

/** `{ restarts: 2, durable: false }` as `2 restarts, not durable`. */
function wordsOf(scope: object): string {
  return Object.entries(scope)
    .map(([name, extent]) => (typeof extent === 'boolean' ? `${extent ? '' : 'not '}${name}` : `${extent} ${name}`))
    .join(', ')
}

const fencingScope = { lives: 2, connections: 1, quiets: 1, silences: 1 }
const lanesScope = { messages: 2, window: 2, faults: 1, restarts: 0, waits: 1 }
const leaseScope = { faults: 0, stops: 0, restarts: 0, lives: 2, speed: 1 }
const crossingScope = { messages: 2, window: 2, cuts: 1, restarts: 0, durable: false }
const routesScope = { changes: 1, faults: 1, cuts: 0, restarts: 1, beats: 1 }

export const models: readonly Model[] = [
  modelOf(fencing, {
    name: 'fencing',
    holds:
      'what a former life of a speaker says late never undoes what a newer one said, and the newest is always believed',
    tested: { scope: fencingScope, bounds: { depth: 30, settleEvery: 5, compareEvery: 100 } },
    deep: {
      scope: { ...fencingScope, lives: 3, connections: 2 },
      bounds: { depth: 14, settleEvery: 20, compareEvery: 1_000 },
    },
    mutants: [
      {
        name: 'a life is numbered by the wall clock alone',
        says: /the newest life is not believed/,
        scope: { ...fencingScope, mutation: 'wall_clock' },
      },
      {
        name: 'whoever comes last is believed',
        says: /an older life said actor_init, and its connection lives on/,
        scope: { ...fencingScope, mutation: 'last_comer' },
      },
    ],
  }),
  modelOf(lease, {
    name: 'lease',
    holds:
      'a lease has one holder at a time, a later one speaks with higher numbers, and once faults stop somebody holds it',
    tested: {
      scope: { ...leaseScope, faults: 1, stops: 1, lives: 1 },
      bounds: { depth: 6, settleEvery: 20, compareEvery: 100 },
    },
    deep: {
      scope: { faults: 1, stops: 1, restarts: 1, lives: 2, speed: 1 },
      bounds: { depth: 10, settleEvery: 20, compareEvery: 1_000 },
    },
    mutants: [
      {
        name: 'what stands on record is written over',
        says: /both count themselves its holder/,
        scope: { ...leaseScope, mutation: 'no_compare' },
      },
      {
        name: 'the record does not say which numbers were used',
        says: /both count themselves|on record|is used twice/,
        scope: { ...leaseScope, mutation: 'forgetful_record' },
      },
    ],
  }),
  modelOf(lease, {
    name: 'lease-unlike-clocks',
    holds: 'where one clock goes twice as fast a later holder speaks with higher numbers all the same',
    tested: {
      scope: { ...leaseScope, faults: 1, lives: 1, speed: 2 },
      bounds: { depth: 6, settleEvery: 40, compareEvery: 100 },
    },
    deep: {
      scope: { faults: 1, stops: 1, restarts: 0, lives: 2, speed: 2 },
      bounds: { depth: 10, settleEvery: 20, compareEvery: 1_000 },
    },
    mutants: [],
  }),
  modelOf(lanes, {
    name: 'lanes',
    holds:
      'each message of a lane is delivered once and in order while both ends live, nothing unsafe is acknowledged, the window holds',
    tested: { scope: { ...lanesScope, restarts: 1 }, bounds: { depth: 9, settleEvery: 5, compareEvery: 100 } },
    deep: {
      scope: { messages: 3, window: 2, faults: 2, restarts: 2, waits: 2 },
      bounds: { depth: 13, settleEvery: 20, compareEvery: 1_000 },
    },
    mutants: [
      {
        name: 'a batch that comes again is delivered again',
        says: /was delivered twice/,
        scope: { ...lanesScope, mutation: 'dedup_off' },
      },
      {
        name: 'a batch is acknowledged before it is safe',
        says: /is acknowledged, and not safe/,
        scope: { ...lanesScope, mutation: 'unsafe_ack' },
      },
      {
        name: 'a batch out of turn is delivered',
        says: /was delivered after|is acknowledged, and not safe/,
        scope: { ...lanesScope, mutation: 'out_of_turn' },
      },
    ],
  }),
  modelOf(crossing, {
    name: 'crossing',
    holds:
      'what crosses a native link does so once and in the order of its publisher, the window holds and the ledger balances',
    tested: { scope: crossingScope, bounds: { depth: 8, settleEvery: 5, compareEvery: 100 } },
    deep: {
      scope: { ...crossingScope, messages: 3, cuts: 2 },
      bounds: { depth: 12, settleEvery: 20, compareEvery: 1_000 },
    },
    mutants: [
      {
        name: 'a batch that comes again is taken again',
        says: /come twice, and 0 are said to/,
        scope: { ...crossingScope, mutation: 'dedup_off' },
      },
      {
        name: 'what flies counts as delivered when the connection is cut',
        says: /is lost/,
        scope: { ...crossingScope, mutation: 'cut_delivers' },
      },
    ],
  }),
  modelOf(crossing, {
    name: 'crossing-durable',
    holds:
      'over a durable native link what was taken arrives whichever process ends, and what may have come before is counted so',
    tested: {
      scope: { ...crossingScope, durable: true, restarts: 1 },
      bounds: { depth: 5, settleEvery: 5, compareEvery: 100 },
    },
    deep: {
      scope: { messages: 2, window: 2, cuts: 1, restarts: 2, durable: true },
      bounds: { depth: 9, settleEvery: 20, compareEvery: 1_000 },
    },
    mutants: [
      {
        name: 'a batch is acknowledged before it is on the disk',
        says: /is lost/,
        scope: { ...crossingScope, durable: true, restarts: 1, messages: 1, mutation: 'early_ack' },
      },
    ],
  }),
  modelOf(routes, {
    name: 'routes',
    holds: 'the copy of a native link comes to equal its source, and what is wanted throughout never goes',
    tested: { scope: routesScope, bounds: { depth: 5, settleEvery: 5, compareEvery: 100 } },
    deep: {
      scope: { changes: 2, faults: 2, cuts: 1, restarts: 2, beats: 2 },
      bounds: { depth: 7, settleEvery: 10, compareEvery: 1_000 },
    },
    mutants: [
      {
        name: 'a new life has the former routes go first',
        says: /was wanted throughout, and the sink gave it up/,
        scope: { ...routesScope, mutation: 'wipe_first' },
      },
      {
        name: 'whoever was replaced is heard',
        says: /wanted throughout|the source wants/,
        scope: { ...routesScope, beats: 0, mutation: 'ghost_believed' },
      },
      {
        name: 'nothing is compared by digests',
        says: /the source wants/,
        scope: { ...routesScope, mutation: 'no_digests' },
      },
    ],
  }),
]
