/** What a fault is: settings that say it all, and one `pipe` that does it to one way of one connection. */

/** Of a connection through the proxy: `up` from whoever connected to the target, `down` back. */
export type Way = 'up' | 'down'

/** How one end leaves: in order (FIN), or at once (RST). */
export type End = 'fin' | 'reset'

/** Where a pipe lets out what it took in; several pipes stand in a row. */
export type Outlet = {
  send(chunk: Buffer): void
  end(how: End): void
  /** Ends the whole connection now, towards both sides. */
  close(how: End): void
}

export type Pipe = {
  take(chunk: Buffer): void
  end(how: End): void
  /** Bytes that were taken and not let out yet. Beyond some the proxy stops reading, as a full network would. */
  readonly heldBytes: number
  /** The fault is over: what is held goes on at once, in order. */
  release(): void
}

/** Time and chance are handed in, so that a run can be repeated. */
export type FaultPorts = {
  readonly nowMs: () => number
  /** Calls once; what it returns calls it off. */
  readonly after: (ms: number, call: () => void) => () => void
  /** From 0 to below 1. */
  readonly random: () => number
}

export type Fault<Settings> = {
  /** `undefined` for a way that it leaves alone. */
  readonly pipe: (settings: Settings, way: Way, outlet: Outlet, ports: FaultPorts) => Pipe | undefined
  /** Nobody listens while it lasts: who connects is refused. */
  readonly refuses?: true
}

/** Whether a fault that may be told one way only concerns this one. */
export const concerns = (settings: { readonly way?: Way }, way: Way): boolean =>
  settings.way === undefined || settings.way === way

export const machinePorts: FaultPorts = {
  nowMs: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  },
  random: Math.random,
}
