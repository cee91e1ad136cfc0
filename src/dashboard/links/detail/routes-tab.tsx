/** The routes of a link, both ways: page by page, searched on the node. */
import { useState } from 'preact/hooks'
import { Choices } from '../../controls/choices.tsx'
import { Paged, pageQuery, type Page } from '../../controls/paged.tsx'
import { Search } from '../../controls/search.tsx'
import { usePagedSearch } from '../../live/use-paged-search.ts'
import { useResource } from '../../live/use-resource.ts'
import { linkApi } from '../link-api.ts'

type RouteLine = { readonly filter: string; readonly [fact: string]: unknown }
type Direction = 'peers' | 'ours'

const LIMIT = 100

export function RoutesTab({ name }: { readonly name: string }) {
  const [direction, setDirection] = useState<Direction>('peers')
  const { text, wanted, page, onSearch, onPage } = usePagedSearch()
  const read = useResource(
    (signal) => {
      const query = pageQuery(page, LIMIT, { direction, search: wanted })
      return linkApi.read<Page<RouteLine>>(name, `routes?${query}`, signal)
    },
    [name, direction, wanted, page],
  )
  return (
    <div class="tab-body">
      <div class="toolbar">
        <Choices
          label="Whose routes"
          value={direction}
          choices={[
            { value: 'peers', title: 'what the peer wants' },
            { value: 'ours', title: 'what we want' },
          ]}
          onPick={(way) => {
            setDirection(way)
            onPage(1)
          }}
        />
        <Search label="Search in the filters" placeholder="Search filters   ( / )" value={text} onSearch={onSearch} />
      </div>
      <Paged read={read} onPage={onPage}>
        {(routes) => (
          <>
            <ul class="filters mono">
              {routes.map(({ filter, ...facts }) => (
                <li key={filter}>
                  <span>{filter}</span>
                  <span class="muted">{factsOf(facts)}</span>
                </li>
              ))}
            </ul>
            {routes.length === 0 && <p class="muted">{noRoutes(direction, wanted)}</p>}
          </>
        )}
      </Paged>
    </div>
  )
}

function noRoutes(direction: Direction, search: string): string {
  if (search !== '') return 'No filter has this in it.'
  return direction === 'peers'
    ? 'The peer wants nothing of us: nobody there has subscribed to anything within the topics of its link.'
    : 'We want nothing of the peer: nobody here has subscribed to anything within the topics of this link.'
}

function factsOf(facts: Readonly<Record<string, unknown>>): string {
  return Object.entries(facts)
    .filter(([, value]) => typeof value === 'string' || typeof value === 'number' || value === true)
    .map(([fact, value]) => (value === true ? fact : `${fact} ${String(value)}`))
    .join(', ')
}
