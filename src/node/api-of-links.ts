/** Ties what the API tells and changes of links to a node. */
import { randomInt } from 'node:crypto'
import type { ApiPart } from '../api/api-server.ts'
import { driftApi } from '../api/links/drift-api.ts'
import { dryRunApi } from '../api/links/dry-run-api.ts'
import { DryRuns } from '../api/links/dry-run.ts'
import { lanesApi } from '../api/links/lanes-api.ts'
import { LinkCalls } from '../api/links/link-calls.ts'
import { linksApi } from '../api/links/links-api.ts'
import { type LinkOnNode, nodeStatus } from '../api/links/node-status.ts'
import { outboxApi } from '../api/links/outbox-api.ts'
import { pauseApi, type PauseApiPorts, pausesOfOthers } from '../api/links/pause-api.ts'
import { progressApi } from '../api/links/progress-api.ts'
import { routesApi } from '../api/links/routes-api.ts'
import type { MemberCalls, NodeAnswer } from '../api/member-calls.ts'
import { driftPort, lanesOf, LinkProgress, routesOf } from './link-views.ts'
import { LinksOfNode } from './links-of.ts'
import type { NodeForApi } from './node-for-api.ts'
import { openDoctor } from './open-doctor.ts'
import { peerAccounts } from './peer-accounts.ts'

export type LinkParts = {
  readonly parts: readonly ApiPart[]
  readonly links: LinksOfNode
  /** Asks the others which links they hold back, as this one is to do, too. Resolves when it will. */
  followPauses(): Promise<void>
  stop(): void
}

export function openLinks(node: NodeForApi, calls: MemberCalls): LinkParts {
  const { broker, links: runtime, gate, clock, config } = node
  const links = new LinksOfNode(node)
  const linkCalls = new LinkCalls(calls, links)
  const names = (): string[] => config().cluster.links.map(({ name }) => name)
  const dryRuns = new DryRuns(broker, clock, () => randomInt(2 ** 32))
  const progress = new LinkProgress(runtime, clock)
  const pauses: PauseApiPorts = {
    calls,
    links: runtime,
    nowMs: () => clock.nowMs(),
    nodeStatus: async (link) => nodeStatusesOf(await linkCalls.statuses(link), link),
  }
  const looks = { steadyMs: () => clock.steadyMs(), defer: setImmediate }
  links.start()
  progress.start()
  return {
    links,
    parts: [
      linksApi(calls, links),
      openDoctor(node, calls),
      pauseApi(pauses),
      outboxApi(calls, runtime, names, () => clock.nowMs()),
      dryRunApi(calls, dryRuns, names),
      routesApi(calls, routesOf(runtime, gate), looks, names),
      lanesApi(calls, (link) => lanesOf(runtime, gate, link), names),
      driftApi(calls, driftPort(config, runtime, gate), names, peerAccounts({ config, links: runtime, clock })),
      progressApi(calls, (link) => progress.of(link), names),
    ],
    followPauses: async () => runtime.holdBack(await pausesOfOthers(calls)),
    stop: () => {
      progress.stop()
      dryRuns.stop()
      links.stop()
    },
  }
}

function nodeStatusesOf(answers: readonly NodeAnswer<Readonly<Record<string, LinkOnNode>>>[], link: string): object[] {
  return answers.map((answer) =>
    nodeStatus(answer.type === 'failed' ? answer : { ...answer, result: answer.result[link] }),
  )
}
