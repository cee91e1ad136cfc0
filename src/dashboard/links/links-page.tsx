/** Everything under `#/links`: the list, a new link, one link. */
import { route } from '../shell/route.ts'
import { LinkPage } from './detail/link-page.tsx'
import { NewLink } from './form/new-link.tsx'
import { NEW } from './link-address.ts'
import { LinkList } from './list/link-list.tsx'

export function LinksPage() {
  const [, name, tab = 'overview'] = route.value.path
  if (name === undefined) return <LinkList />
  if (name === NEW) return <NewLink />
  return <LinkPage key={name} name={name} tab={tab} />
}
