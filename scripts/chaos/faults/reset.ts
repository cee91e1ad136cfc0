/** A connection is reset (RST) after so many bytes, wherever in a packet that is; and so is each that comes after it. */
import { concerns, type Fault, type Way } from './fault.ts'

export type Reset = {
  readonly type: 'reset'
  /** That still pass in this way; none, if left out: at once. */
  readonly afterBytes?: number
  readonly way?: Way
}

export const reset: Fault<Reset> = {
  pipe: (settings, way, outlet) => {
    if (!concerns(settings, way)) return undefined
    let leftBytes = settings.afterBytes ?? 0
    if (leftBytes === 0) {
      outlet.close('reset')
      return undefined
    }
    return {
      take: (chunk) => {
        const part = chunk.subarray(0, leftBytes)
        leftBytes -= part.length
        outlet.send(part)
        if (leftBytes === 0) outlet.close('reset')
      },
      end: (how) => outlet.end(how),
      heldBytes: 0,
      release: () => {},
    }
  },
}
