/** What is asked of the API about links. */
import type { CheckReport, DoctorReport, Link, LinkSettings } from '../api/link.ts'
import { request, segment } from '../api/request.ts'

const at = (name: string, what = ''): string => `cluster/links/${segment(name)}${what === '' ? '' : `/${what}`}`

export const linkApi = {
  list: (signal: AbortSignal) => request<readonly Link[]>('GET', 'cluster/links', { signal }),
  get: (name: string, signal: AbortSignal) => request<Link>('GET', at(name), { signal }),
  read: <Body>(name: string, what: string, signal: AbortSignal) => request<Body>('GET', at(name, what), { signal }),
  create: (link: LinkSettings) => request<Link>('POST', 'cluster/links', { body: link }),
  update: (name: string, { name: _name, ...settings }: LinkSettings) =>
    request<Link>('PUT', at(name), { body: settings }),
  remove: (name: string) => request<void>('DELETE', at(name)),
  enable: (name: string, enable: boolean) => request<Link>('PUT', at(name, 'enable'), { body: { enable } }),
  pause: (name: string) => request<unknown>('POST', at(name, 'pause')),
  resume: (name: string) => request<unknown>('POST', at(name, 'resume')),
  reset: (name: string) => request<void>('PUT', at(name, 'metrics/reset')),
  purge: (name: string, reason: string) =>
    request<{ readonly purged: number }>('DELETE', at(name, 'outbox'), { body: { reason } }),
  /** @param existing the link that is changed by it; none for a new one */
  check: (link: LinkSettings, existing: string | undefined, signal: AbortSignal) =>
    request<CheckReport>(
      'POST',
      `cluster/links/check${existing === undefined ? '' : `?existing=${segment(existing)}`}`,
      {
        body: link,
        signal,
      },
    ),
  /** Tries a link that is not saved. */
  examine: (link: LinkSettings, signal: AbortSignal) =>
    request<DoctorReport>('POST', 'cluster/links/doctor', { body: link, signal }),
  doctor: (name: string, topic: string, signal: AbortSignal) =>
    request<DoctorReport>('POST', at(name, 'doctor'), { body: topic === '' ? {} : { topic }, signal }),
  dryRun: <Body>(name: string, topics: readonly string[], seconds: number, signal: AbortSignal) =>
    request<Body>('POST', at(name, 'dry-run'), { body: { topics, seconds }, signal }),
}
