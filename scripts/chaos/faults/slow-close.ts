/** Who leaves is believed to be there for a while: the end of a connection arrives late. */
import { DelayLine, pipeThrough } from './delay-line.ts'
import { concerns, type Fault, type Way } from './fault.ts'

export type SlowClose = { readonly type: 'slow_close'; readonly ms: number; readonly way?: Way }

export const slowClose: Fault<SlowClose> = {
  pipe: (settings, way, outlet, ports) => {
    if (!concerns(settings, way)) return undefined
    const line = new DelayLine(outlet, ports)
    return pipeThrough(line, {
      take: (chunk) => outlet.send(chunk),
      end: (how) => line.end(how, ports.nowMs() + settings.ms),
    })
  },
}
