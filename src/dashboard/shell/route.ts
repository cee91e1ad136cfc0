/** Where we are: `#/links/eu-west/routes?page=2`. Pages are reached by plain links; what is unsaved is asked about first. */
import { signal } from '@preact/signals'

export type Route = { readonly path: readonly string[]; readonly query: URLSearchParams }

export const route = signal<Route>(parseRoute(location.hash))
/** Where somebody wants to go who would lose something by it. */
export const held = signal<string | undefined>(undefined)

let guard: (() => boolean) | undefined
let here = location.hash

/** `#/a%2Fb/c?x=1` -> { path: ['a/b', 'c'], query: x=1 } */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?')
  return { path: path.split('/').filter(Boolean).map(decoded), query: new URLSearchParams(query) }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    // Typed by hand with a lone `%`.
    return part
  }
}

/** ['links', 'eu/west'] -> #/links/eu%2Fwest */
export function hashOf(...path: readonly string[]): string {
  return `#/${path.map(encodeURIComponent).join('/')}`
}

export function goTo(...path: readonly string[]): void {
  location.hash = hashOf(...path)
}

/** As long as `isUnsaved` says so, whoever leaves is asked. Call what it returns when there is nothing to guard any more. */
export function guardLeaving(isUnsaved: () => boolean): () => void {
  const beforeUnload = (event: BeforeUnloadEvent): void => {
    if (isUnsaved()) event.preventDefault()
  }
  guard = isUnsaved
  addEventListener('beforeunload', beforeUnload)
  return () => {
    if (guard === isUnsaved) guard = undefined
    removeEventListener('beforeunload', beforeUnload)
  }
}

/** The answer to whether to leave, once `held` says where to. */
export function leave(yes: boolean): void {
  const to = held.value
  held.value = undefined
  if (!yes || to === undefined) return
  guard = undefined
  location.hash = to
}

export function followLocation(): void {
  addEventListener('hashchange', () => {
    if (guard?.() === true && location.hash !== here) {
      held.value = location.hash
      // Without an event: the page stays as it is until the answer.
      history.pushState(undefined, '', here)
      return
    }
    here = location.hash
    route.value = parseRoute(here)
  })
}
