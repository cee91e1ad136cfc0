/** What is done to a link that is there. */
import { setTimeout as delay } from 'node:timers/promises'
import { type ApiClient, segment } from '../api-client.ts'
import { answer, apiOf, type AskOptions } from '../ask.ts'
import type { ExitCode } from '../command.ts'
import { type Fields, isFields } from '../fields.ts'
import { text } from '../inspect/rows.ts'
import { printable } from '../inspect/table.ts'
import { confirm, hasPerson } from '../prompt.ts'
import { fieldsIn, showJson, showLines } from '../show.ts'
import type { Terminal } from '../terminal.ts'
import { reasonsText } from './link-words.ts'

const POLL_MS = 300

export async function enable(
  link: string,
  options: AskOptions & { readonly wait?: unknown },
  terminal: Terminal,
): Promise<ExitCode> {
  const api = await apiOf(options, terminal)
  const shown = await api.request('PUT', `/cluster/links/${segment(link)}/enable`, { body: { enable: true } })
  return told(api, shown, 'enabled', options, terminal)
}

export async function disable(link: string, options: AskOptions, terminal: Terminal): Promise<ExitCode> {
  const api = await apiOf(options, terminal)
  const shown = await api.request('PUT', `/cluster/links/${segment(link)}/enable`, { body: { enable: false } })
  return answer(options, terminal, shown, () => showLines(terminal, [`link ${link} disabled`]))
}

export async function remove(
  link: string,
  options: AskOptions & { readonly yes: boolean },
  terminal: Terminal,
): Promise<0> {
  const api = await apiOf(options, terminal)
  const path = `/cluster/links/${segment(link)}`
  if (!options.yes && hasPerson(terminal)) {
    const shown = await api.get(path)
    const server = isFields(shown) ? text(shown['server']) : ''
    await confirm(terminal, printable(`delete the link ${link} to ${server}, and give up what waits to cross it?`))
  }
  await api.request('DELETE', path)
  if (!options.json) showLines(terminal, [`link ${link} deleted`])
  return 0
}

export const pause = (link: string, options: AskOptions, terminal: Terminal): Promise<ExitCode> =>
  hold('pause', link, options, terminal)
export const resume = (link: string, options: AskOptions, terminal: Terminal): Promise<ExitCode> =>
  hold('resume', link, options, terminal)

async function hold(act: 'pause' | 'resume', link: string, options: AskOptions, terminal: Terminal): Promise<ExitCode> {
  const api = await apiOf(options, terminal)
  const shown = await api.request('POST', `/cluster/links/${segment(link)}/${act}`)
  const nodes = isFields(shown) ? fieldsIn(shown['node_status']) : []
  const silent = nodes.filter(({ error }) => error !== undefined)
  const done = act === 'pause' ? 'what is for it waits' : 'what is for it goes on'
  answer(options, terminal, shown, () => showLines(terminal, [`link ${link}: ${done}`]))
  for (const { node, error } of silent)
    terminal.complaints.write(printable(`isthmus: ${text(node)} was not told: ${text(error)}`) + '\n')
  return silent.length > 0 ? 1 : 0
}

export async function purge(
  link: string,
  options: AskOptions & { readonly reason: string; readonly yes: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const api = await apiOf(options, terminal)
  const path = `/cluster/links/${segment(link)}/outbox`
  if (!options.yes && hasPerson(terminal)) {
    const waiting = await api.get(path, { limit: 0 })
    const nodes = isFields(waiting) ? fieldsIn(waiting['nodes']) : []
    const messages = nodes.reduce((sum, node) => sum + Number(node['messages']), 0)
    await confirm(terminal, `give up ${messages} messages that wait to cross ${link}?`)
  }
  const purged = await api.request('DELETE', path, { body: { reason: options.reason }, waitMs: PURGE_WAIT_MS })
  const count = isFields(purged) ? text(purged['purged']) : ''
  answer(options, terminal, purged, () => showLines(terminal, [`link ${link}: ${count} messages given up`]))
  return isFields(purged) && fieldsIn(purged['silent']).length > 0 ? 1 : 0
}

/** A purge of millions takes its turns. */
const PURGE_WAIT_MS = 60_000

export async function reset(link: string, options: AskOptions, terminal: Terminal): Promise<0> {
  const api = await apiOf(options, terminal)
  await api.request('PUT', `/cluster/links/${segment(link)}/metrics/reset`)
  if (!options.json) showLines(terminal, [`link ${link}: all counts begin anew`])
  return 0
}

/** Says what was done, and how the link is; with `--wait` when it runs, or that it does not. */
export async function told(
  api: ApiClient,
  shown: unknown,
  done: string,
  options: { readonly json: boolean; readonly wait?: unknown },
  terminal: Terminal,
): Promise<ExitCode> {
  const link = isFields(shown) ? shown : {}
  const { wait } = options
  const last = typeof wait === 'number' ? await settled(api, link, wait) : link
  if (options.json) showJson(terminal, typeof wait === 'number' ? last : shown)
  else showLines(terminal, [printable(`link ${text(link['name'])} ${done}: ${statusText(last)}`)])
  return typeof wait === 'number' && last['status'] !== 'running' && last['enable'] !== false ? 1 : 0
}

function statusText(link: Fields): string {
  const reasons = reasonsText(link)
  return `${text(link['status'])}${reasons === '' ? '' : `; ${reasons}`}`
}

/** As it is when it runs, or when the time is over. */
async function settled(api: ApiClient, link: Fields, seconds: number): Promise<Fields> {
  const until = performance.now() + seconds * 1_000
  let last = link
  while (last['status'] !== 'running' && last['enable'] !== false && performance.now() < until) {
    await delay(POLL_MS)
    const shown = await api.get(`/cluster/links/${segment(text(link['name']))}`)
    if (isFields(shown)) last = shown
  }
  return last
}
