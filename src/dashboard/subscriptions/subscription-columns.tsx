/** What is to be said of a subscription. */
import type { Subscription } from '../api/client.ts'
import type { Column } from '../controls/data-table.tsx'

export const subscriptionColumns: readonly Column<Subscription>[] = [
  { title: 'Topic filter', wide: true, cell: ({ topic }) => <span class="mono">{topic}</span> },
  { title: 'QoS', cell: ({ qos }) => qos },
  { title: 'Options', cell: (subscription) => optionsOf(subscription) || '–' },
]

/** MQTT 5, 3.8.3.1; those that are as usual are not told. */
function optionsOf({ nl, rap, rh, share_group: group, subscription_identifier: id }: Subscription): string {
  return [
    group === undefined ? '' : `shared in ${group}`,
    nl === 1 ? 'no local' : '',
    rap === 1 ? 'retain as published' : '',
    rh === 1 ? 'retained only if new' : rh === 2 ? 'nothing retained' : '',
    id === undefined ? '' : `identifier ${id}`,
  ]
    .filter((word) => word !== '')
    .join(', ')
}
