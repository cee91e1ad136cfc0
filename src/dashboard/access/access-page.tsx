/** Everything under `#/access`: who may look and change, who may connect, who did what. */
import type { ComponentType } from 'preact'
import { mayChange } from '../api/session.ts'
import { Empty } from '../controls/empty.tsx'
import { Tabs } from '../controls/tabs.tsx'
import { hashOf, route } from '../shell/route.ts'
import { AclTest } from './acl-test.tsx'
import { ApiKeys } from './api-keys.tsx'
import { Audit } from './audit.tsx'
import { MqttUsers } from './mqtt-users.tsx'
import { Password } from './password.tsx'
import { Users } from './users.tsx'

type Part = {
  readonly name: string
  readonly title: string
  readonly Part: ComponentType
  readonly forViewers?: boolean
}

const PARTS: readonly Part[] = [
  { name: 'users', title: 'Users', Part: Users },
  { name: 'keys', title: 'API keys', Part: ApiKeys },
  { name: 'mqtt', title: 'MQTT users', Part: MqttUsers, forViewers: true },
  { name: 'acl', title: 'ACL test', Part: AclTest, forViewers: true },
  { name: 'audit', title: 'Audit log', Part: Audit },
  { name: 'password', title: 'My password', Part: Password, forViewers: true },
]

export function AccessPage() {
  const shown = PARTS.filter(({ forViewers }) => forViewers === true || mayChange())
  const [, name = shown[0]?.name] = route.value.path
  const part = shown.find((part) => part.name === name)
  return (
    <section class="page" aria-labelledby="access-title">
      <header class="page-head">
        <h1 id="access-title">Access</h1>
      </header>
      <Tabs
        label="Access"
        current={name ?? ''}
        tabs={shown.map(({ name, title }) => ({ name, title, href: hashOf('access', name) }))}
      />
      {part === undefined ? (
        <Empty title="That is for administrators, or is not there" />
      ) : (
        <part.Part key={part.name} />
      )}
    </section>
  )
}
