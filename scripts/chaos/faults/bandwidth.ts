/** A line that passes so many bytes a second; what does not fit waits, and at last whoever sends. */
import { DelayLine, pipeThrough } from './delay-line.ts'
import { concerns, type Fault, type Way } from './fault.ts'

export type Bandwidth = {
  readonly type: 'bandwidth'
  /** Of each way and each connection. */
  readonly bytesPerSecond: number
  readonly way?: Way
}

/** A chunk goes in pieces that take so long, so that it trickles. */
const PIECE_MS = 20

export const bandwidth: Fault<Bandwidth> = {
  pipe: (settings, way, outlet, ports) => {
    if (!concerns(settings, way)) return undefined
    const bytesPerMs = settings.bytesPerSecond / 1000
    const pieceBytes = Math.max(1, Math.ceil(bytesPerMs * PIECE_MS))
    const line = new DelayLine(outlet, ports)
    return pipeThrough(line, {
      take: (chunk) => {
        for (let at = 0; at < chunk.length; at += pieceBytes) {
          const piece = chunk.subarray(at, at + pieceBytes)
          line.send(piece, Math.max(ports.nowMs(), line.lastDueMs) + piece.length / bytesPerMs)
        }
      },
      end: (how) => line.end(how, ports.nowMs()),
    })
  },
}
