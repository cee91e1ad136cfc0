/** Nothing passes in one direction; the other is well. */
import type { Fault, Way } from './fault.ts'
import { vanish } from './vanish.ts'

export type OneWay = {
  readonly type: 'one_way'
  /** In which nothing passes. */
  readonly way: Way
}

export const oneWay: Fault<OneWay> = {
  pipe: (settings, way, outlet) => (settings.way === way ? vanish(outlet) : undefined),
}
