/** The whole: the login, or the page that the address names within its frame. */
import { session } from '../api/session.ts'
import { Empty } from '../controls/empty.tsx'
import { Frame } from './frame.tsx'
import { Leaving } from './leaving.tsx'
import { Login } from './login.tsx'
import { Notices } from './notices.tsx'
import { pages } from './pages.ts'
import { hashOf, route } from './route.ts'

export function App() {
  return (
    <>
      {session.value === undefined ? <Login /> : <Inside />}
      <Leaving />
      <Notices />
    </>
  )
}

function Inside() {
  const name = route.value.path[0] ?? pages[0]?.name
  const page = pages.find((page) => page.name === name)
  return (
    <Frame current={page?.name ?? ''}>
      {page === undefined ? (
        <Empty title="There is no such page">
          <p>
            Nothing stands at <code>{location.hash}</code>.
          </p>
          <a class="button" href={hashOf('overview')}>
            To the overview
          </a>
        </Empty>
      ) : (
        <page.Page key={page.name} />
      )}
    </Frame>
  )
}
