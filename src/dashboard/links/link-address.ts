/** Where the pages of links are. */
import { hashOf } from '../shell/route.ts'

/** No name of a link begins with a `+`. */
export const NEW = '+new'

export const listHash = hashOf('links')
export const newLinkHash = hashOf('links', NEW)

export function linkHash(name: string, tab?: string): string {
  return tab === undefined ? hashOf('links', name) : hashOf('links', name, tab)
}
