/** The pages, in the order in which the navigation lists them. A page reads the rest of its path itself. */
import type { ComponentType } from 'preact'
import type { IconName } from '../controls/icon.tsx'
import { LinksPage } from '../links/links-page.tsx'

export type PageEntry = {
  /** First part of its path: `#/links`. */
  readonly name: string
  readonly title: string
  readonly icon: IconName
  readonly Page: ComponentType
}

export const pages: readonly PageEntry[] = [{ name: 'links', title: 'Links', icon: 'links', Page: LinksPage }]
