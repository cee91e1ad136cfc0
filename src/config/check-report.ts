/** What `isthmus conf check FILE` prints. */
import { formatAddress } from './address.ts'
import { formatConfigError } from './config-error.ts'
import type { Config, LinkConfig } from './config.ts'
import { listenerId, listenerTypes } from './listeners/listener-config.ts'
import type { ConfigResult } from './resolve-config.ts'

/** Exit code 2 is that of a bad configuration, for `start` and `conf check` alike. The text ends with a line end. */
export function checkReport(result: ConfigResult, file: string): { readonly text: string; readonly exitCode: 0 | 2 } {
  if (result.type === 'invalid') {
    const count = result.errors.length
    const lines = [...result.errors.map(formatConfigError), `${file}: ${count} ${count === 1 ? 'error' : 'errors'}`]
    return { text: text(lines), exitCode: 2 }
  }
  const warnings = result.warnings.map((warning) => `warning: ${formatConfigError(warning)}`)
  return { text: text([`${file}: good`, ...summary(result.config), ...warnings]), exitCode: 0 }
}

function summary({ node, cluster, listeners }: Config): string[] {
  const listening = listenerTypes.flatMap((type) =>
    Object.entries(listeners[type]).map(([name, listener]) => {
      return `  listener ${listenerId(type, name)}: ${formatAddress(listener)}${listener.enable ? '' : ' (disabled)'}`
    }),
  )
  return [`  node: ${node.name}`, `  cluster: ${cluster.name}`, ...cluster.links.map(linkLine), ...listening]
}

function linkLine({ name, server, topics, enable }: LinkConfig): string {
  const wants =
    topics.length === 0 ? 'nothing (sends only)' : topics.length > 5 ? `${topics.length} filters` : topics.join(', ')
  return `  link ${name}: ${server}, wants ${wants}${enable ? '' : ' (disabled)'}`
}

const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')
