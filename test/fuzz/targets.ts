/** All that is fuzzed. */
import type { FuzzTarget } from './target.ts'
import { hoconTarget } from './targets/hocon.ts'
import { linkTarget } from './targets/link.ts'
import { packetsTarget } from './targets/packets.ts'
import { plantedTarget } from './targets/planted.ts'
import { termsTarget } from './targets/terms.ts'

export const targets: readonly FuzzTarget[] = [packetsTarget, termsTarget, linkTarget, hoconTarget]

export function targetNamed(name: string): FuzzTarget {
  const target = [...targets, plantedTarget].find((one) => one.name === name)
  if (target === undefined)
    throw new RangeError(`no target ${name}; there are ${targets.map(({ name }) => name).join(', ')}`)
  return target
}
