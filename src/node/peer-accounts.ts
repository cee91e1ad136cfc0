/** What peers say of their links to this node when they are asked: at most one question at a time to each. */
import type { AskPeer } from '../api/links/drift-api.ts'
import type { Clock } from '../broker/clock.ts'
import type { Config } from '../config/config.ts'
import { openConnection } from '../link/connection.ts'
import { askAccount } from '../link/doctor/ask-account.ts'
import type { Account } from '../link/enquiry.ts'
import type { LinkRuntime } from '../link/link-runtime.ts'
import { nodeHash } from './open-doctor.ts'

const DEADLINE_MS = 5_000

export type PeerAccountsParts = {
  readonly config: () => Config
  readonly links: Pick<LinkRuntime, 'slot'>
  readonly clock: Clock
}

export function peerAccounts({ config, links, clock }: PeerAccountsParts): AskPeer {
  const asked = new Map<string, Promise<Account | undefined>>()
  let visits = 0
  const ask = (name: string): Promise<Account | undefined> => {
    const { node, cluster } = config()
    const link = cluster.links.find((one) => one.name === name)
    if (link?.enable !== true) return Promise.resolve(undefined)
    visits += 1
    const clientId = `${link.clientid}:${links.slot ?? nodeHash(node.name)}:enquiry:${visits}`
    const caller = { cluster: cluster.name, actor: cluster.nats === undefined ? node.name : cluster.name, clientId }
    return askAccount({ open: openConnection, clock }, caller, link, DEADLINE_MS)
  }
  return (name) => {
    const known = asked.get(name)
    if (known !== undefined) return known
    const answer = ask(name).finally(() => asked.delete(name))
    asked.set(name, answer)
    return answer
  }
}
