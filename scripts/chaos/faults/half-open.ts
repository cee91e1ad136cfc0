/** Both ends believe in their connection, and nothing passes any more, in neither direction. New ones come about, and are as mute. */
import type { Fault } from './fault.ts'
import { vanish } from './vanish.ts'

export type HalfOpen = { readonly type: 'half_open' }

export const halfOpen: Fault<HalfOpen> = { pipe: (_settings, _way, outlet) => vanish(outlet) }
