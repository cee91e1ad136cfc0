/** Ties what monitoring asks for to a node: health, alarms, metrics. */
import { alarmsApi } from '../api/alarms/alarms-api.ts'
import type { ApiPart } from '../api/api-server.ts'
import { healthRoutes } from '../api/health/health.ts'
import type { MemberCalls } from '../api/member-calls.ts'
import type { NodeForApi } from './open-api.ts'

export type Monitoring = {
  readonly parts: readonly ApiPart[]
  readonly roots: readonly ApiPart[]
}

export function openMonitoring({ alarms, unreadyReasons }: NodeForApi, calls: MemberCalls): Monitoring {
  return { parts: [alarmsApi(calls, alarms.watch)], roots: [healthRoutes(unreadyReasons)] }
}
