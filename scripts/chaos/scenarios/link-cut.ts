/** The link is cut in both directions, for longer and longer; what waits has to find room. */
import type { Scenario } from './scenario.ts'

const guarantees = { loss: 'none', doubles: 'none', order: 'kept', healMsMax: 15_000 } as const

function linkCut(name: string, words: string, ms: number): Scenario {
  return {
    name,
    about: `The link between two clusters is cut for ${words}; all that waits crosses afterwards.`,
    clusters: [{ name: 'east' }, { name: 'west' }],
    timeline: [{ atMs: 1_000, forMs: ms, trouble: { type: 'link', fault: { type: 'cut' } } }],
    guarantees,
  }
}

export const linkCuts: readonly Scenario[] = [
  linkCut('link-cut-5s', '5 s', 5_000),
  linkCut('link-cut-60s', '60 s', 60_000),
  linkCut('link-cut-10min', '10 min', 600_000),
]
