/** All faults of a connection, by their names. */
import { bandwidth, type Bandwidth } from './bandwidth.ts'
import { cut, type Cut } from './cut.ts'
import type { FaultPorts, Outlet, Pipe, Way } from './fault.ts'
import { halfOpen, type HalfOpen } from './half-open.ts'
import { latency, type Latency } from './latency.ts'
import { oneWay, type OneWay } from './one-way.ts'
import { reset, type Reset } from './reset.ts'
import { slicer, type Slicer } from './slicer.ts'
import { slowClose, type SlowClose } from './slow-close.ts'

export type FaultSettings = Bandwidth | Cut | HalfOpen | Latency | OneWay | Reset | Slicer | SlowClose

/** `undefined` if the fault leaves this way alone. */
export function pipeOf(settings: FaultSettings, way: Way, outlet: Outlet, ports: FaultPorts): Pipe | undefined {
  switch (settings.type) {
    case 'bandwidth':
      return bandwidth.pipe(settings, way, outlet, ports)
    case 'cut':
      return cut.pipe(settings, way, outlet, ports)
    case 'half_open':
      return halfOpen.pipe(settings, way, outlet, ports)
    case 'latency':
      return latency.pipe(settings, way, outlet, ports)
    case 'one_way':
      return oneWay.pipe(settings, way, outlet, ports)
    case 'reset':
      return reset.pipe(settings, way, outlet, ports)
    case 'slicer':
      return slicer.pipe(settings, way, outlet, ports)
    case 'slow_close':
      return slowClose.pipe(settings, way, outlet, ports)
  }
}

/** Whether nobody listens while it lasts. */
export const refuses = (settings: FaultSettings): boolean => settings.type === 'cut' && cut.refuses === true
