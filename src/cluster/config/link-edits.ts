/** What somebody changed of a list of links, apart from what the list was: two people may edit two links at once. */
import { isDeepStrictEqual } from 'node:util'
import type { LinkConfig } from '../../config/config.ts'

export type LinkEdit =
  | { readonly type: 'put'; readonly link: LinkConfig }
  | { readonly type: 'delete'; readonly name: string }

/**
 * What somebody wants of the links, by the list that it is done to. Where several nodes may change it at once it is asked again
 * with the list as another one left it; what it throws refuses the change.
 */
export type DecideLinks = (links: readonly LinkConfig[]) => readonly LinkEdit[]

/** What leads from one list to the other. */
export function linkEdits(before: readonly LinkConfig[], after: readonly LinkConfig[]): readonly LinkEdit[] {
  const known = new Map(before.map((link) => [link.name, link]))
  const named = new Set(after.map(({ name }) => name))
  return [
    ...before.filter(({ name }) => !named.has(name)).map(({ name }): LinkEdit => ({ type: 'delete', name })),
    ...after
      .filter((link) => !isDeepStrictEqual(known.get(link.name), link))
      .map((link): LinkEdit => ({ type: 'put', link })),
  ]
}

/** The list after these edits. What is put twice stands as it was put last. */
export function editLinks(links: readonly LinkConfig[], edits: readonly LinkEdit[]): readonly LinkConfig[] {
  const byName = new Map(links.map((link) => [link.name, link]))
  for (const edit of edits) {
    if (edit.type === 'put') byName.set(edit.link.name, edit.link)
    else byName.delete(edit.name)
  }
  return [...byName.values()]
}
