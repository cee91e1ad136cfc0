/** Everything takes longer, by a time that varies; TCP keeps the order, so what is late holds up what follows. */
import { DelayLine, pipeThrough } from './delay-line.ts'
import { concerns, type Fault, type Way } from './fault.ts'

export type Latency = {
  readonly type: 'latency'
  readonly ms: number
  /** As much more or less, evenly spread. */
  readonly jitterMs?: number
  readonly way?: Way
}

export const latency: Fault<Latency> = {
  pipe: (settings, way, outlet, ports) => {
    if (!concerns(settings, way)) return undefined
    const { ms, jitterMs = 0 } = settings
    const line = new DelayLine(outlet, ports)
    const dueMs = (): number => ports.nowMs() + Math.max(0, ms + (ports.random() * 2 - 1) * jitterMs)
    return pipeThrough(line, {
      take: (chunk) => line.send(chunk, dueMs()),
      end: (how) => line.end(how, dueMs()),
    })
  },
}
