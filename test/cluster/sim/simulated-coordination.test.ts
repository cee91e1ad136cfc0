import { ManualClock } from '../../broker/manual-clock.ts'
import { SimulatedNetwork } from './simulated-coordination.ts'
import { type CoordinationKind, coordinationSuite } from '../coordination-suite.ts'
import type { TestContext } from 'node:test'

type World = { readonly clock: ManualClock; readonly network: SimulatedNetwork }

const worlds = new WeakMap<TestContext, World>()
let current: World | undefined

function worldOf(t: TestContext): World {
  const clock = new ManualClock()
  const world = worlds.get(t) ?? { clock, network: new SimulatedNetwork(clock) }
  worlds.set(t, world)
  current = world
  return world
}

/** Turns of the event loop, in each of which the clock moves on. */
async function pass(isOver: (turn: number) => boolean): Promise<void> {
  for (let turn = 0; !isOver(turn); turn++) {
    current?.clock.advance(1)
    await new Promise(setImmediate)
  }
}

const simulated: CoordinationKind = {
  name: 'simulated',
  join: async (t, node, boot) => {
    const coordination = worldOf(t).network.join(node, boot)
    const timer = setInterval(() => current?.clock.advance(1), 1)
    t.after(() => clearInterval(timer))
    return coordination
  },
  until: (isTrue, what) =>
    pass((turn) => {
      if (turn > 10_000) throw new Error(`never came: ${what}`)
      return isTrue()
    }),
  settle: () => pass((turn) => turn === 10),
}

coordinationSuite(simulated)
