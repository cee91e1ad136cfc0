/** Where the messages of a link stand, as a node's debug socket tells it. */
import { setTimeout as pause } from 'node:timers/promises'
import { SocketClient } from '../../../src/cli/inspect/socket-client.ts'

export type Ledger = {
  readonly matched: number
  readonly delivered: number
  readonly inflight: number
  readonly queued: number
  readonly dropped: Readonly<Record<string, number>>
}

const LOOK_EVERY_MS = 20
const DEADLINE_MS = 30_000

/** Resolves with the ledger when it fits. */
export async function ledgerThat(socket: string, link: string, fits: (ledger: Ledger) => boolean): Promise<Ledger> {
  const client = await SocketClient.open(socket)
  const giveUpMs = performance.now() + DEADLINE_MS
  try {
    for (;;) {
      const { ledger } = (await client.call('ledger.get', { link })) as { readonly ledger: Ledger }
      if (fits(ledger)) return ledger
      if (performance.now() > giveUpMs) throw new Error(`the ledger stays ${JSON.stringify(ledger)}`)
      await pause(LOOK_EVERY_MS)
    }
  } finally {
    client.close()
  }
}

/** Of a link on which nothing waits or flies any more. */
export function settledLedger(socket: string, link: string): Promise<Ledger> {
  return ledgerThat(socket, link, ({ inflight, queued }) => inflight + queued === 0)
}
