/** Asks a peer of our kind what it knows of its link to us, on a connection of its own that ends with the answer. */
import { parseServers } from '../../config/address.ts'
import type { LinkConfig } from '../../config/config.ts'
import type { Account } from '../enquiry.ts'
import { type Caller, Knock, type KnockPorts } from './knock.ts'

/** `undefined` for a peer that does not answer within the deadline, milliseconds, or does not say. Never rejects. */
export async function askAccount(
  ports: KnockPorts,
  caller: Caller,
  link: LinkConfig,
  deadlineMs: number,
): Promise<Account | undefined> {
  const knock = new Knock(ports, caller, link, parseServers(link.server, link.ssl), deadlineMs)
  let timer: { cancel(): void } | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = ports.clock.after(deadlineMs, () => resolve(undefined))
  })
  try {
    return await Promise.race([ask(knock), late])
  } finally {
    timer?.cancel()
    knock.close()
  }
}

async function ask(knock: Knock): Promise<Account | undefined> {
  if ((await knock.connected()) !== undefined) return undefined
  const subscribed = await knock.maySubscribe()
  if (subscribed.type !== 'code' || subscribed.reasonCode >= 0x80) return undefined
  const asked = await knock.mayRoute({})
  return asked.type === 'code' && asked.reasonCode < 0x80 ? knock.account() : undefined
}
