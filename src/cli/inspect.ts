/** `isthmus inspect`: looks into a running node over its debug socket. Tables on a terminal, JSON elsewhere. */
import { findSocket } from './inspect/find-socket.ts'
import { CommandFailure } from './command-failure.ts'
import type { InspectCommand, InspectQuery } from './inspect/inspect-query.ts'
import type { Fields } from './fields.ts'
import { SocketClient } from './inspect/socket-client.ts'
import { linesOf, watchLine } from './inspect/views.ts'

/** Where it is written; `process.stdout` is one. */
export type InspectOutput = {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** What a node tells in one answer at most: routes of a list, and destinations of a topic. */
const PAGE_MAX = 1_000
const DESTINATIONS_MAX = 10_000

/** Resolves with the exit code. */
export async function inspect(
  { place, json, query }: InspectCommand,
  out: InspectOutput,
  complaints: Pick<InspectOutput, 'write'> = process.stderr,
): Promise<0 | 1 | 2> {
  const asJson = json || out.isTTY !== true
  try {
    const client = await SocketClient.open(await findSocket(place))
    try {
      if (query.type === 'watch') await watch(client, query.actor, asJson, out)
      else {
        const result = await ask(client, query)
        const lines = asJson ? [JSON.stringify(result)] : linesOf(viewOf(query), result, Date.now())
        out.write(`${lines.join('\n')}\n`)
      }
      return 0
    } finally {
      client.close()
    }
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    complaints.write(`isthmus inspect: ${error.message}\n`)
    return error.exitCode
  }
}

/** Of one link there is more to show than a table has room for. */
function viewOf(query: InspectQuery): string {
  return query.type === 'links' && query.link !== undefined ? 'link' : query.type
}

function ask(client: SocketClient, query: Exclude<InspectQuery, { type: 'watch' }>): Promise<Fields> {
  switch (query.type) {
    case 'actors':
    case 'members':
    case 'leases':
    case 'lanes':
      return client.call(`${query.type}.list`)
    case 'links':
      return client.call('links.list', query.link === undefined ? {} : { link: query.link })
    case 'history':
      return client.call('actors.history', { actor: query.actor })
    case 'ledger':
      return client.call('ledger.get', { link: query.link })
    case 'ledger_reset':
      return client.call('ledger.reset', { link: query.link })
    case 'log_level':
      return client.call('log.level', query.level === undefined ? {} : { level: query.level })
    case 'routes_match':
      return client.call('routes.match', { topic: query.topic, limit: Math.min(query.limit, DESTINATIONS_MAX) })
    case 'routes_list':
      return listRoutes(client, query)
  }
}

/** Page after page: the node gives each as much time as it can spare. */
async function listRoutes(
  client: SocketClient,
  { text, limit }: Extract<InspectQuery, { type: 'routes_list' }>,
): Promise<Fields> {
  const routes: unknown[] = []
  for (let cursor: unknown = 0; ;) {
    const params = { cursor, limit: Math.min(limit - routes.length, PAGE_MAX), ...(text === undefined ? {} : { text }) }
    const page = await client.call('routes.list', params)
    if (Array.isArray(page['routes'])) routes.push(...page['routes'])
    cursor = page['cursor'] ?? null
    if (cursor === null || routes.length >= limit) return { routes, cursor, total: page['total'] }
  }
}

/** Until Ctrl-C, or until nobody reads any more. Rejects if the node goes first. */
async function watch(client: SocketClient, actor: string | undefined, asJson: boolean, out: InspectOutput) {
  let isOver = false
  const end = (): void => {
    isOver = true
    client.close()
  }
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.once(signal, end)
  process.stdout.once('error', end)
  client.onNotification = ({ method, params }) => {
    out.write(
      `${asJson ? JSON.stringify({ type: method.replace('actors.', ''), ...params }) : watchLine(method, params)}\n`,
    )
  }
  try {
    await client.call('actors.watch', actor === undefined ? {} : { actor })
    await client.closed
  } finally {
    for (const signal of signals) process.off(signal, end)
    process.stdout.off('error', end)
  }
  if (!isOver) throw new CommandFailure(1, 'the node has ended')
}
