/** Everything under `#/nodes`: the nodes, members and leases, one node. */
import { route } from '../shell/route.ts'
import { NodeList } from './node-list.tsx'
import { NodePage } from './node-page.tsx'

export function NodesPage() {
  const [, name] = route.value.path
  return name === undefined ? <NodeList /> : <NodePage key={name} name={name} />
}
