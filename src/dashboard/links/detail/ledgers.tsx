/** Both ledgers of a link as bars. */
import type { InLedger, OutLedger } from '../../api/link-metrics.ts'
import { LedgerBar, type LedgerPart } from '../../controls/ledger-bar.tsx'
import { words } from '../../format/number.ts'

export function OutLedgerBar({ ledger }: { readonly ledger: OutLedger }) {
  return (
    <LedgerBar
      title="Out: to the peer"
      whole="matched"
      total={ledger.matched}
      parts={[
        { title: 'delivered', amount: ledger.delivered, tone: 'good', always: true },
        { title: 'in flight', amount: ledger.inflight, tone: 'flow', always: true },
        { title: 'queued', amount: ledger.queued, tone: 'wait', always: true },
        ...reasons('dropped', 'warn', ledger.dropped),
        ...reasons('failed', 'bad', ledger.failed),
      ]}
    />
  )
}

export function InLedgerBar({ ledger }: { readonly ledger: InLedger }) {
  return (
    <LedgerBar
      title="In: from the peer"
      whole="received"
      total={ledger.received}
      parts={[
        { title: 'accepted', amount: ledger.accepted, tone: 'good', always: true },
        { title: 'came twice, taken once', amount: ledger.duplicate, tone: 'off' },
        { title: 'not in our topics', amount: ledger.not_in_topics, tone: 'warn' },
        { title: 'link was disabled', amount: ledger.link_disabled, tone: 'wait' },
        { title: 'malformed', amount: ledger.malformed, tone: 'bad' },
      ]}
    />
  )
}

function reasons(what: string, tone: 'warn' | 'bad', counts: Readonly<Record<string, number>>): LedgerPart[] {
  return Object.entries(counts).map(([reason, amount]) => ({ title: `${what}: ${words(reason)}`, amount, tone }))
}
