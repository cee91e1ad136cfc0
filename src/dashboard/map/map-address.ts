/** Where more is said of what stands on the map. */
import { linkHash } from '../links/link-address.ts'
import { hashOf } from '../shell/route.ts'
import type { MapEntry } from './map-places.ts'

export function hrefOf({ links, title, status }: MapEntry): string {
  return links === 1 ? linkHash(title) : `${hashOf('links')}?status=${status}`
}
