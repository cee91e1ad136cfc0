import assert from 'node:assert/strict'
import type { LinkConfig } from '../../../src/config/config.ts'
import { resolveConfig } from '../../../src/config/resolve-config.ts'

/** Links as a configuration has them, each told from another one by its topic. */
export function links(...named: readonly (readonly [name: string, topic: string])[]): readonly LinkConfig[] {
  const input = named.map(([name, topic]) => ({
    name,
    server: '127.0.0.1:1',
    topics: [topic],
    username: 'u',
    password: 'secret',
  }))
  const resolved = resolveConfig({ cluster: { name: 'here', links: input } })
  assert.equal(resolved.type, 'ok')
  return resolved.type === 'ok' ? resolved.config.cluster.links : []
}
