/** A link as the API shows it. */

export type LinkStatus = 'running' | 'connecting' | 'bootstrapping' | 'degraded' | 'stopped' | 'failed' | 'inconsistent'

export const LINK_STATUSES: readonly LinkStatus[] = [
  'running',
  'degraded',
  'bootstrapping',
  'connecting',
  'inconsistent',
  'failed',
  'stopped',
]

/** As far as the dashboard knows it: a node of another version may have more, which goes back as it came. */
export type LinkSettings = {
  readonly name: string
  readonly enable: boolean
  readonly server: string
  readonly topics: readonly string[]
  readonly [key: string]: unknown
}

export type Plane = {
  readonly state: string
  readonly reason?: string
  readonly connections?: number
  readonly up?: number
}

export type NodeStatus = {
  readonly node: string
  readonly status: LinkStatus
  readonly reasons?: readonly string[]
  readonly planes?: { readonly route_sync: Plane; readonly forwarding: Plane; readonly inbound: Plane }
  readonly paused?: boolean
  /** It did not answer. */
  readonly error?: string
}

export type Link = LinkSettings & {
  readonly status: LinkStatus
  readonly reasons: readonly string[]
  readonly emqx_status: string
  readonly speaker?: string
  readonly peer?: { readonly node: string; readonly version: number }
  readonly peer_dialect?: string
  readonly node_status: readonly NodeStatus[]
}

/** Facts about how it runs, which are no settings. */
const FACTS = ['status', 'reasons', 'emqx_status', 'speaker', 'peer', 'peer_dialect', 'node_status']

export function settingsOf(link: Link): LinkSettings {
  return Object.fromEntries(Object.entries(link).filter(([key]) => !FACTS.includes(key))) as LinkSettings
}

/** One line of the list, live. */
export type LinkRow = {
  readonly name: string
  readonly status: LinkStatus
  readonly reasons: readonly string[]
  readonly enable: boolean
  /** Per second. */
  readonly out_rate: number
  readonly in_rate: number
  readonly bytes_out_rate: number
  readonly bytes_in_rate: number
  /** Messages that wait. */
  readonly outbox: number
  readonly routes: { readonly ours: number; readonly peers: number }
  /** From the sending of a batch to its acknowledgement, lately. */
  readonly p50_ms: number | null
  readonly p99_ms: number | null
}

/** What the live list says: a link as it is now, or that it is gone. */
export type LinkRowChange = LinkRow | { readonly name: string; readonly removed: true }

export type FieldError = { readonly field: string; readonly message: string }
export type CheckReport = { readonly ok: boolean; readonly errors: readonly FieldError[] }

export type DoctorStep = {
  readonly step: string
  readonly title: string
  readonly status: 'ok' | 'failed' | 'warning' | 'skipped'
  readonly detail: string
  readonly remedy?: string
  readonly ms: number
}
export type DoctorReport = { readonly ok: boolean; readonly steps: readonly DoctorStep[] }
