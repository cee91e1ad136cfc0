/** `isthmus conf show FILE`: what a node runs with, the way a file writes it. */
import { everyKey } from '../../config/config-schema.ts'
import { formatConfigError } from '../../config/config-error.ts'
import { loadConfigFile } from '../../config/parse-config.ts'
import { formatHocon } from '../../config/hocon/format-hocon.ts'
import { loadWrittenConfig } from '../../config/written-config.ts'
import { writtenLink } from '../../config/written-link.ts'
import { CommandFailure } from '../command-failure.ts'
import { otherLinks } from '../conf-diff.ts'
import { showJson, showLines } from '../show.ts'
import type { Terminal } from '../terminal.ts'

type ShowOptions = { readonly 'file-only': boolean; readonly keys: boolean; readonly json: boolean }

export async function confShow(file: string | undefined, options: ShowOptions, terminal: Terminal): Promise<0> {
  if (options.keys) {
    if (options.json) showJson(terminal, everyKey())
    else showLines(terminal, everyKey())
    return 0
  }
  if (file === undefined) throw new CommandFailure(2, 'FILE is missing: the configuration of a node')
  const loaded = await loadConfigFile(file, terminal.env)
  if (loaded.type === 'invalid') throw new CommandFailure(2, loaded.errors.map(formatConfigError).join('\n'))
  const written = await loadWrittenConfig(file, terminal.env)
  const running = options['file-only'] ? undefined : otherLinks(loaded.config)
  if (running !== undefined && !('problem' in running)) {
    const { cluster } = written
    Object.assign(cluster, { links: running.links.map(writtenLink) })
    if (!options.json) showLines(terminal, [`# cluster.links: ${running.what}`])
  }
  if (options.json) showJson(terminal, written)
  else terminal.out.write(formatHocon(written))
  return 0
}
