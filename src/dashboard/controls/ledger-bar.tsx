/** Where all messages stand, as one bar: its parts sum up to the whole, and the numbers say so. */
import { count } from '../format/number.ts'

export type LedgerPart = {
  readonly title: string
  readonly amount: number
  readonly tone: 'good' | 'flow' | 'wait' | 'warn' | 'bad' | 'off'
  /** Shown though it is nothing. */
  readonly always?: boolean
}

export type LedgerBarProps = {
  readonly title: string
  /** The word for the whole: `matched`. */
  readonly whole: string
  readonly total: number
  readonly parts: readonly LedgerPart[]
}

export function LedgerBar({ title, whole, total, parts }: LedgerBarProps) {
  const sum = parts.reduce((sum, { amount }) => sum + amount, 0)
  const shown = parts.filter(({ amount, always }) => amount > 0 || always === true)
  return (
    <section class="panel ledger" aria-label={title}>
      <header>
        <h3>{title}</h3>
        <span class="ledger-total">
          <b>{count(total)}</b> {whole}
        </span>
      </header>
      <div class="ledger-bar" aria-hidden="true">
        {shown
          .filter(({ amount }) => amount > 0)
          .map(({ title, amount, tone }) => (
            <i key={title} class={tone} style={{ flexGrow: String(amount) }} title={`${title}: ${count(amount)}`} />
          ))}
      </div>
      <dl class="ledger-parts">
        {shown.map(({ title, amount, tone }) => (
          <div key={title}>
            <dt>
              <i class={tone} />
              {title}
            </dt>
            <dd>
              {count(amount)} <span class="muted">{share(amount, sum)}</span>
            </dd>
          </div>
        ))}
      </dl>
      {sum !== total && (
        <p class="remark warn">
          The parts sum up to {count(sum)}: {count(Math.abs(total - sum))} {total > sum ? 'are missing' : 'too many'}.
        </p>
      )}
    </section>
  )
}

/** A small part is not nothing, and a large one not everything. */
function share(amount: number, sum: number): string {
  if (sum === 0 || amount === 0) return ''
  const percent = (100 * amount) / sum
  if (percent < 0.1) return '< 0.1 %'
  if (percent > 99.9 && percent < 100) return '> 99.9 %'
  return `${Number(percent.toFixed(1))} %`
}
