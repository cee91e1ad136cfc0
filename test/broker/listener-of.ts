/** A listener's configuration as a test wants it: on a loopback port that the system gives, everything else by default. */
import assert from 'node:assert/strict'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import type { ListenerConfig, ListenerType } from '../../src/config/listeners/listener-config.ts'
import { resolveConfig } from '../../src/config/resolve-config.ts'

export type WrittenListener<Type extends ListenerType> = NonNullable<
  NonNullable<NonNullable<ConfigInput['listeners']>[Type]>[string]
>

export function listenerOf<Type extends ListenerType>(
  type: Type,
  written: WrittenListener<Type> | object = {},
): ListenerConfig {
  const result = resolveConfig({ listeners: { [type]: { test: { bind: '127.0.0.1:0', ...written } } } })
  assert.ok(result.type === 'ok', JSON.stringify(result))
  return result.config.listeners[type]['test']!
}
