/** Bytes that go nowhere, while the connection stays as it is. */
import type { Outlet, Pipe } from './fault.ts'

/**
 * Not even an end gets through. What has vanished does not come back: TCP never leaves a hole, so a connection that lost
 * something is reset when the fault is over, as by a host that has forgotten it; one that lost nothing lives on.
 */
export function vanish(outlet: Outlet): Pipe {
  let hasLost = false
  const lose = (): void => void (hasLost = true)
  return {
    take: lose,
    end: lose,
    heldBytes: 0,
    release: () => {
      if (hasLost) outlet.close('reset')
    },
  }
}
