/** What each side believes of the other. */
import { Reading } from '../../controls/empty.tsx'
import { Facts } from '../../controls/facts.tsx'
import { useResource } from '../../live/use-resource.ts'
import { linkApi } from '../link-api.ts'

export function DriftTab({ name }: { readonly name: string }) {
  const { value, fault, loading, reload } = useResource(
    (signal) => linkApi.read<unknown>(name, 'drift', signal),
    [name],
  )
  if (value === undefined) return <Reading fault={fault} onRetry={reload} />
  return (
    <div class="tab-body">
      <div class="toolbar">
        <p class="grow muted">
          What this cluster and its peer believe of each other. Where they differ, one of them is wrong.
        </p>
        <button type="button" class="button" disabled={loading} onClick={reload}>
          Look again
        </button>
      </div>
      <Facts value={value} />
    </div>
  )
}
