/** What was written at once comes in small pieces, with pauses between: a packet ends anywhere, and begins anywhere. */
import { DelayLine, pipeThrough } from './delay-line.ts'
import { concerns, type Fault, type Way } from './fault.ts'

export type Slicer = {
  readonly type: 'slicer'
  readonly bytes: number
  /** A piece is as many bytes longer or shorter, but never empty. */
  readonly varyBytes?: number
  readonly pauseMs?: number
  readonly way?: Way
}

export const slicer: Fault<Slicer> = {
  pipe: (settings, way, outlet, ports) => {
    if (!concerns(settings, way)) return undefined
    const { bytes, varyBytes = 0, pauseMs = 0 } = settings
    const line = new DelayLine(outlet, ports)
    const nextBytes = (): number => Math.max(1, Math.round(bytes + (ports.random() * 2 - 1) * varyBytes))
    return pipeThrough(line, {
      take: (chunk) => {
        for (let at = 0; at < chunk.length;) {
          const piece = chunk.subarray(at, at + nextBytes())
          at += piece.length
          line.send(piece, Math.max(ports.nowMs(), line.lastDueMs + pauseMs))
        }
      },
      end: (how) => line.end(how, ports.nowMs()),
    })
  },
}
