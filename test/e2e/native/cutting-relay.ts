/** A relay that cuts what passes at the worst of moments: somewhere within what is on its way, perhaps within a packet. */
import { connect, createServer, type Socket } from 'node:net'
import { listenOnFreePort } from '../../../src/cli/demo/relay.ts'

export type CuttingRelay = {
  /** Where to connect to instead of the target. */
  readonly port: number
  /** Bytes that passed so far, both directions together. */
  readonly bytes: number
  /** Connections that were cut so far. */
  readonly cuts: number
  /** Lets so many bytes more pass in all, and then ends every connection. */
  cutAfter(bytes: number): void
  /**
   * What comes from one end of the connections that there are, or from both, goes nowhere from now on, though they stay open. Those that
   * come later are well.
   * @param which of them: those whose first bytes hold this text, such as a ClientID
   */
  deaden(from: 'target' | 'both', which: string): void
  /** Refuses new connections until it is called with `true`, and cuts those that there are. */
  open(isOpen: boolean): void
  close(): Promise<void>
}

export async function startCuttingRelay(target: () => number): Promise<CuttingRelay> {
  const pairs = new Set<readonly [Socket, Socket]>()
  /** What each connection began with. */
  const hellos = new WeakMap<Socket, string>()
  const dead = new WeakSet<Socket>()
  let left = Number.POSITIVE_INFINITY
  let isOpen = true
  let bytes = 0
  let cuts = 0

  const cut = (): void => {
    left = Number.POSITIVE_INFINITY
    cuts += pairs.size
    for (const [near, far] of pairs) {
      near.destroy()
      far.destroy()
    }
    pairs.clear()
  }
  const pass = (from: Socket, to: Socket): void => {
    from.on('data', (chunk: Buffer) => {
      if (!hellos.has(from)) hellos.set(from, chunk.toString('latin1'))
      if (dead.has(from)) return
      const part = chunk.length > left ? chunk.subarray(0, left) : chunk
      bytes += part.length
      left -= part.length
      if (part.length > 0 && !to.write(part)) {
        from.pause()
        to.once('drain', () => from.resume())
      }
      if (left <= 0) cut()
    })
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
  }
  const server = createServer((near) => {
    if (!isOpen) return void near.destroy()
    const far = connect({ port: target(), host: '127.0.0.1', noDelay: true })
    const pair = [near.setNoDelay(true), far] as const
    pairs.add(pair)
    near.on('close', () => pairs.delete(pair))
    pass(near, far)
    pass(far, near)
  })
  const port = await listenOnFreePort(server)
  return {
    port,
    get bytes() {
      return bytes
    },
    get cuts() {
      return cuts
    },
    cutAfter: (count) => {
      left = count
    },
    deaden: (from, which) => {
      for (const [near, far] of pairs) {
        if (hellos.get(near)?.includes(which) !== true) continue
        dead.add(far)
        if (from === 'both') dead.add(near)
      }
    },
    open: (yes) => {
      isOpen = yes
      if (!yes) cut()
    },
    close: async () => {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Cuts again and again, at times and after bytes that `random` says, until it is stopped. */
export function cutAtRandom(
  relays: readonly CuttingRelay[],
  random: () => number,
  { msMin, msMax, bytesMax }: { readonly msMin: number; readonly msMax: number; readonly bytesMax: number },
): () => void {
  const timers = new Map<CuttingRelay, NodeJS.Timeout>()
  const plan = (relay: CuttingRelay): void => {
    const ms = msMin + random() * (msMax - msMin)
    timers.set(
      relay,
      setTimeout(() => {
        relay.cutAfter(Math.floor(random() * bytesMax))
        plan(relay)
      }, ms),
    )
  }
  for (const relay of relays) plan(relay)
  return () => {
    for (const timer of timers.values()) clearTimeout(timer)
  }
}
