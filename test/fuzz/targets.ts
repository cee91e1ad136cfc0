/** All that is fuzzed. */
import type { FuzzTarget } from './target.ts'
import { aclTarget } from './targets/acl.ts'
import { batchesTarget } from './targets/batches.ts'
import { hoconTarget } from './targets/hocon.ts'
import { lanesTarget } from './targets/lanes.ts'
import { linkTarget } from './targets/link.ts'
import { packetsTarget } from './targets/packets.ts'
import { plantedTarget } from './targets/planted.ts'
import { proxyTarget } from './targets/proxy.ts'
import { termsTarget } from './targets/terms.ts'
import { usersTarget } from './targets/users.ts'

export const targets: readonly FuzzTarget[] = [
  packetsTarget,
  proxyTarget,
  termsTarget,
  linkTarget,
  hoconTarget,
  aclTarget,
  usersTarget,
  lanesTarget,
  batchesTarget,
]

export function targetNamed(name: string): FuzzTarget {
  const target = [...targets, plantedTarget].find((one) => one.name === name)
  if (target === undefined)
    throw new RangeError(`no target ${name}; there are ${targets.map(({ name }) => name).join(', ')}`)
  return target
}
