/** Everything under `#/clients`: the list, one client. */
import { route } from '../shell/route.ts'
import { ClientList } from './client-list.tsx'
import { ClientPage } from './client-page.tsx'

export function ClientsPage() {
  const [, name] = route.value.path
  return name === undefined ? <ClientList key={route.value.query.toString()} /> : <ClientPage key={name} id={name} />
}
