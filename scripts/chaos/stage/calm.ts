/** When a stage is calm: every link runs on every node, and each cluster knows just as many routes of a peer as that one told. */
import { passed } from '../passed.ts'
import type { Stage } from './chaos-stage.ts'

const LOOK_EVERY_MS = 200

/** Resolves with what is not well, in words, when all is, or after `withinMs`. */
export async function whenCalm(stage: Stage, withinMs: number): Promise<readonly string[]> {
  for (const untilMs = performance.now() + withinMs; ;) {
    const unwell = await look(stage)
    if (unwell.length === 0 || performance.now() > untilMs) return unwell
    await passed(LOOK_EVERY_MS)
  }
}

async function look(stage: Stage): Promise<string[]> {
  const unwell: string[] = []
  const told = new Map<string, number>()
  const known = new Map<string, number>()
  for (const node of stage.nodes) {
    const links = await node.links()
    if (links === undefined) unwell.push(`${node.name} does not answer`)
    for (const { peer, status, reasons, routes } of links ?? []) {
      if (status !== 'running') unwell.push(`${node.name}: the link ${peer} is ${[status, ...reasons].join(', ')}`)
      raise(told, `${node.cluster} to ${peer}`, routes.ours)
      raise(known, `${peer} to ${node.cluster}`, routes.peers)
    }
  }
  for (const [pair, routes] of told)
    if (known.get(pair) !== routes) unwell.push(`${pair}: ${routes} routes are told, ${known.get(pair) ?? 0} known`)
  return unwell
}

/** All members of a cluster tell of one number; who has not caught up yet tells of less. */
function raise(numbers: Map<string, number>, name: string, value: number): void {
  numbers.set(name, Math.max(numbers.get(name) ?? 0, value))
}
