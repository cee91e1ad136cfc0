/** The pages, in the order in which the navigation lists them. A page reads the rest of its path itself. */
import type { ComponentType } from 'preact'
import { AccessPage } from '../access/access-page.tsx'
import { ActorsPage } from '../actors/actors-page.tsx'
import { AlarmsPage } from '../alarms/alarms-page.tsx'
import { ClientsPage } from '../clients/clients-page.tsx'
import type { IconName } from '../controls/icon.tsx'
import { LinksPage } from '../links/links-page.tsx'
import { LogPage } from '../log/log-page.tsx'
import { MapPage } from '../map/map-page.tsx'
import { NodesPage } from '../nodes/nodes-page.tsx'
import { OverviewPage } from '../overview/overview-page.tsx'
import { RetainedPage } from '../retained/retained-page.tsx'
import { SubscriptionsPage } from '../subscriptions/subscriptions-page.tsx'

export type PageEntry = {
  /** First part of its path: `#/links`. */
  readonly name: string
  readonly title: string
  readonly icon: IconName
  readonly Page: ComponentType
}

export const pages: readonly PageEntry[] = [
  { name: 'overview', title: 'Overview', icon: 'overview', Page: OverviewPage },
  { name: 'links', title: 'Links', icon: 'links', Page: LinksPage },
  { name: 'map', title: 'Map', icon: 'map', Page: MapPage },
  { name: 'nodes', title: 'Nodes', icon: 'nodes', Page: NodesPage },
  { name: 'clients', title: 'Clients', icon: 'clients', Page: ClientsPage },
  { name: 'subscriptions', title: 'Subscriptions', icon: 'subscriptions', Page: SubscriptionsPage },
  { name: 'retained', title: 'Retained', icon: 'retained', Page: RetainedPage },
  { name: 'alarms', title: 'Alarms', icon: 'alarms', Page: AlarmsPage },
  { name: 'log', title: 'Log', icon: 'log', Page: LogPage },
  { name: 'actors', title: 'Actors', icon: 'actors', Page: ActorsPage },
  { name: 'access', title: 'Access', icon: 'access', Page: AccessPage },
]
