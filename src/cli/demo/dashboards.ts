/** Where a demo that runs live can be watched in a browser: one node of each cluster serves its dashboard, with a password of this run. */
import { randomBytes } from 'node:crypto'

/** Of a node's configuration. */
export type DashboardFile = {
  readonly listeners: { readonly http: { readonly bind: string } }
  readonly default_username?: string
  readonly default_password?: string
}

export type Dashboard = {
  /** Of the node, or of the cluster if it has but one. */
  readonly name: string
  /** `host:port`. */
  readonly address: string
  readonly login: Login
}

export type Login = { readonly username: string; readonly password: string }

/** Letters and digits only: a double click takes all of it. */
export function makeLogin(): Login {
  return { username: 'admin', password: randomBytes(8).toString('hex') }
}

/** @param bind on the loopback; port 0 lets the system choose */
export function dashboardFile(bind: string, { username, password }: Login): DashboardFile {
  return { listeners: { http: { bind } }, default_username: username, default_password: password }
}

/** What the screen says of them; nothing if there are none. `remark` is what else there is to know. */
export function dashboardLines(dashboards: readonly Dashboard[], remark = ''): string[] {
  if (dashboards.length === 0) return []
  return [
    '',
    `Watch it in a browser${remark}:`,
    ...dashboards.map(
      ({ name, address, login }) => `  dashboard of ${name}  http://${address}  ${login.username} / ${login.password}`,
    ),
  ]
}
