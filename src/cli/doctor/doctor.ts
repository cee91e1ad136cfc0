/** Asks a node to examine one of its links, and shows what it found. */
import { segment } from '../api-client.ts'
import { apiOf, type AskOptions } from '../ask.ts'
import type { ExitCode } from '../command.ts'
import { isFields } from '../fields.ts'
import { showJson, showLines } from '../show.ts'
import type { Terminal } from '../terminal.ts'
import { reportLines } from './report-lines.ts'

/** Longer than an examination may take, and other nodes to answer. */
const WAIT_MS = 30_000

/** Rejects with `CommandFailure`. */
export async function doctor(
  link: string,
  options: AskOptions & { readonly topic: string | undefined },
  terminal: Terminal,
): Promise<ExitCode> {
  const { json, topic } = options
  const api = await apiOf(options, terminal)
  const body = topic === undefined ? {} : { topic }
  const report = await api.request('POST', `/cluster/links/${segment(link)}/doctor`, { body, waitMs: WAIT_MS })
  if (json) showJson(terminal, report)
  else showLines(terminal, reportLines(link, report, terminal.out.isTTY === true && isColoured(terminal)))
  return isFields(report) && report['ok'] === true ? 0 : 1
}

/** See https://no-color.org. */
function isColoured({ env }: Terminal): boolean {
  return (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
}
