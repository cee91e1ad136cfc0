/** What is said to whoever gives a node a configuration that it can't run with. */
import { type ConfigError, formatConfigError } from '../config/config-error.ts'
import type { Config } from '../config/config.ts'
import type { ConfigInput } from '../config/config-schema.ts'
import { resolveConfig } from '../config/resolve-config.ts'

/** A configuration that a node can't run with: everything that is wrong with it. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
  readonly code = 'CONFIG_INVALID'
  readonly errors: readonly ConfigError[]
  constructor(errors: readonly ConfigError[]) {
    super(errors.map(formatConfigError).join('\n'))
    this.errors = errors
  }
}

/** With every default filled in. Throws `ConfigurationError`. */
export function resolve(input: ConfigInput): Config {
  const resolved = resolveConfig(input)
  if (resolved.type === 'invalid') throw new ConfigurationError(resolved.errors)
  return resolved.config
}
