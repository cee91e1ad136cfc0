/** Facts of whatever shape, as the API gave them: names beside values, lists below each other. */
import { words } from '../format/number.ts'

export function Facts({ value }: { readonly value: unknown }) {
  if (Array.isArray(value)) {
    if (value.length === 0) return <span class="muted">none</span>
    return (
      <ul class="facts-list">
        {value.map((one, at) => (
          <li key={at}>
            <Facts value={one} />
          </li>
        ))}
      </ul>
    )
  }
  if (typeof value === 'object' && value !== null) {
    return (
      <dl class="facts">
        {Object.entries(value).map(([name, one]) => (
          <div key={name}>
            <dt>{words(name)}</dt>
            <dd>
              <Facts value={one} />
            </dd>
          </div>
        ))}
      </dl>
    )
  }
  if (value === null || value === undefined || value === '') return <span class="muted">–</span>
  return (
    <span class="mono">
      {typeof value === 'string' ? value : typeof value === 'boolean' ? (value ? 'yes' : 'no') : JSON.stringify(value)}
    </span>
  )
}
