/** Whether a node serves, or why not. */
import type { ListenersConfig } from '../config/listeners/listener-config.ts'
import { listenerId, listenerTypes } from '../config/listeners/listener-config.ts'

export type ReadinessFacts = {
  readonly phase: 'starting' | 'serving' | 'stopping'
  readonly listeners: ListenersConfig
  /** Where listeners listen, by type and name. */
  readonly addresses: Readonly<Record<string, string>>
  /** The disk takes nothing. */
  readonly isStoreFailing: boolean
}

/** Empty if it serves. */
export function unreadyReasons({ phase, listeners, addresses, isStoreFailing }: ReadinessFacts): string[] {
  if (phase !== 'serving') return [`the node is ${phase}`]
  const silent = listenerTypes.flatMap((type) =>
    Object.entries(listeners[type])
      .filter(([name, { enable }]) => enable && !Object.hasOwn(addresses, listenerId(type, name)))
      .map(([name]) => `the listener ${listenerId(type, name)} does not listen`),
  )
  return [...silent, ...(isStoreFailing ? ['the store takes nothing: see store_write_failed in the log'] : [])]
}
