/** What stands around each page: who we are, where one can go, and whether the node is there. */
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { activeAlarms, useActiveAlarms } from '../alarms/active-alarms.ts'
import { request } from '../api/request.ts'
import { endSession, session } from '../api/session.ts'
import { Icon, Mark } from '../controls/icon.tsx'
import { Banner } from './banner.tsx'
import { pages } from './pages.ts'
import { hashOf, route } from './route.ts'
import { nextTheme, theme } from './theme.ts'

export function Frame({ current, children }: { readonly current: string; readonly children: ComponentChildren }) {
  const [open, setOpen] = useState(false)
  const here = route.value
  useActiveAlarms()
  useEffect(() => setOpen(false), [here])
  return (
    <div class="frame">
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault()
          document.querySelector<HTMLElement>('#main')?.focus()
        }}
      >
        Skip to the page
      </a>
      <header class="bar">
        <a class="brand" href={hashOf('overview')}>
          <Mark />
          Isthmus
        </a>
        <button
          type="button"
          class="button quiet menu-button"
          aria-expanded={open}
          aria-controls="navigation"
          onClick={() => setOpen(!open)}
        >
          <Icon name={open ? 'close' : 'menu'} />
          Menu
        </button>
      </header>
      <div class={open ? 'side open' : 'side'} id="navigation">
        <nav aria-label="Pages">
          {pages.map(({ name, title, icon }) => (
            <a key={name} href={hashOf(name)} aria-current={name === current ? 'page' : undefined}>
              <Icon name={icon} />
              {title}
              {name === 'alarms' && <AlarmCount />}
            </a>
          ))}
        </nav>
        <Account />
      </div>
      <Banner />
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </div>
  )
}

function AlarmCount() {
  const alarms = activeAlarms.value?.length ?? 0
  return alarms === 0 ? null : <b class="nav-count">{alarms}</b>
}

const THEME_WORDS = { system: 'system', light: 'light', dark: 'dark' } as const

function Account() {
  return (
    <div class="account">
      <button type="button" class="button quiet" onClick={nextTheme}>
        <Icon name="theme" />
        Colours: {THEME_WORDS[theme.value]}
      </button>
      <button type="button" class="button quiet" onClick={() => void logout()}>
        <Icon name="leave" />
        Log out
      </button>
      <p class="who">
        {session.value?.username} <span class="muted">{session.value?.role}</span>
      </p>
    </div>
  )
}

async function logout(): Promise<void> {
  try {
    await request('POST', 'logout')
  } catch {
    // The token is forgotten here in any case; on the node it ends by itself.
  }
  endSession()
}
