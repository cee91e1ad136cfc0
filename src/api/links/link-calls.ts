/** What each node is asked of its links, and the answers of all put together. */
import * as z from 'zod'
import type { Call, MemberCalls, NodeAnswer } from '../member-calls.ts'
import type { LinkMetricsOnNode } from './link-metrics.ts'
import type { LinksPort } from './links-port.ts'
import type { LinkOnNode } from './node-status.ts'

/** Without names: of all links. */
const statuses: Call<{ readonly names?: string[] | undefined }, Record<string, LinkOnNode>> = {
  name: 'links.statuses',
  params: z.object({ names: z.array(z.string()).optional() }),
}

const metrics: Call<{ readonly name: string }, LinkMetricsOnNode | null> = {
  name: 'links.metrics',
  params: z.object({ name: z.string() }),
}

const reset: Call<{ readonly name: string }, boolean> = {
  name: 'links.reset_metrics',
  params: z.object({ name: z.string() }),
}

export class LinkCalls {
  readonly #calls: MemberCalls

  constructor(calls: MemberCalls, port: LinksPort) {
    this.#calls = calls
    calls.serve(statuses, ({ names }) => statusesIn(port, names ?? port.configs().map(({ name }) => name)))
    calls.serve(metrics, ({ name }) => port.metrics(name) ?? null)
    calls.serve(reset, ({ name }) => port.resetMetrics(name))
  }

  /** What each node says of all of its links, or of this one. */
  statuses(name?: string): Promise<readonly NodeAnswer<Readonly<Record<string, LinkOnNode>>>[]> {
    return this.#calls.gather(statuses, name === undefined ? {} : { names: [name] })
  }

  /** `null` of a node that does not have the link. */
  metrics(name: string): Promise<readonly NodeAnswer<LinkMetricsOnNode | null>[]> {
    return this.#calls.gather(metrics, { name })
  }

  reset(name: string): Promise<readonly NodeAnswer<boolean>[]> {
    return this.#calls.gather(reset, { name })
  }
}

/** Some milliseconds. */
export const LINKS_PER_TURN = 200

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}

async function statusesIn(port: LinksPort, names: readonly string[]): Promise<Record<string, LinkOnNode>> {
  const found: [name: string, status: LinkOnNode][] = []
  for (const [index, name] of names.entries()) {
    if (index % LINKS_PER_TURN === LINKS_PER_TURN - 1) await nextTurn()
    const status = port.status(name)
    if (status !== undefined) found.push([name, status])
  }
  return Object.fromEntries(found)
}
