/** The connections that there are end, and nobody gets a new one. */
import type { Fault } from './fault.ts'

export type Cut = { readonly type: 'cut' }

export const cut: Fault<Cut> = {
  refuses: true,
  pipe: (_settings, _way, outlet) => {
    outlet.close('fin')
    return undefined
  },
}
