/** The actors of each node as a tree, and what one of them went through. */
import { useMemo, useState } from 'preact/hooks'
import { Empty, Reading } from '../controls/empty.tsx'
import { Silent, type SilentNode } from '../controls/paged.tsx'
import { Search } from '../controls/search.tsx'
import { Badge } from '../controls/status-badge.tsx'
import { VirtualRows } from '../controls/virtual-rows.tsx'
import { ago, count } from '../format/number.ts'
import { useNarrow } from '../links/list/use-narrow.ts'
import { useNow } from '../live/use-now.ts'
import { hashOf, route } from '../shell/route.ts'
import { ActorHistory } from './actor-history.tsx'
import {
  shortName,
  shortState,
  treeLines,
  toneOfState,
  type ActorNews,
  type NodeActors,
  type TreeLine,
} from './actor-tree.ts'
import { useActors } from './use-actors.ts'

const ROW_PX = 32
const NARROW_ROW_PX = 52

export function ActorsPage() {
  const [, node, id] = route.value.path
  const [turn, setTurn] = useState(0)
  const hear = (news: readonly ActorNews[]): void => {
    if (news.some((one) => !('skipped' in one) && one.node === node && one.actor === id)) setTurn((turn) => turn + 1)
  }
  const { nodes, silent, fault, reload } = useActors(hear)
  const isOne = node !== undefined && id !== undefined
  const narrow = useNarrow()
  return (
    <section class="page fill plain" aria-labelledby="actors-title">
      <header class="page-head">
        <h1 id="actors-title">Actors</h1>
      </header>
      {nodes === undefined ? (
        <Reading fault={fault} onRetry={reload} />
      ) : (
        <div class="actors">
          {!(narrow && isOne) && (
            <Tree nodes={nodes} silent={silent} current={isOne ? `${node} ${id}` : ''} only={node} />
          )}
          {isOne ? (
            <ActorHistory key={`${node} ${id}`} node={node} id={id} turn={turn} />
          ) : (
            !narrow && (
              <Empty title="What did it go through?">
                <p class="muted">Choose an actor: its last transitions stand here.</p>
              </Empty>
            )
          )}
        </div>
      )}
    </section>
  )
}

type TreeProps = {
  readonly nodes: readonly NodeActors[]
  readonly silent: readonly SilentNode[] | undefined
  /** Key of the line that is looked at. */
  readonly current: string
  /** Only of this node, if there is one. */
  readonly only: string | undefined
}

function Tree({ nodes, silent, current, only }: TreeProps) {
  const [search, setSearch] = useState('')
  const [opened, setOpened] = useState<ReadonlyMap<string, boolean>>(new Map())
  const narrow = useNarrow()
  const nowMs = useNow()
  const lines = useMemo(() => {
    const isKnown = nodes.some(({ node }) => node === only)
    // One that is looked at stands among all: only who came for a node sees it alone.
    return treeLines(isKnown && current === '' ? nodes.filter(({ node }) => node === only) : nodes, { opened, search })
  }, [nodes, only, current, opened, search])
  const truncated = nodes.filter(({ truncated }) => truncated).map(({ node }) => node)
  return (
    <div class="actor-tree">
      <Search label="Search actors by name or state" value={search} onSearch={setSearch} />
      <div class="list" role="table" aria-label="Actors" aria-rowcount={lines.length}>
        <VirtualRows
          items={lines}
          keyOf={({ key }) => key}
          rowHeight={narrow ? NARROW_ROW_PX : ROW_PX}
          row={(line) => (
            <Line
              line={line}
              nowMs={nowMs}
              isCurrent={line.key === current}
              onToggle={() => setOpened(new Map([...opened, [line.key, !line.isOpen]]))}
            />
          )}
        />
      </div>
      <Silent nodes={silent} />
      <p class="list-foot muted" role="status">
        {lines.length === 0
          ? 'None fits.'
          : `${count(nodes.reduce((sum, { actors }) => sum + actors.length, 0))} actors`}
        {truncated.length > 0 && `; ${truncated.join(', ')} has more than are shown`}
      </p>
    </div>
  )
}

type LineProps = {
  readonly line: TreeLine
  readonly nowMs: number
  readonly isCurrent: boolean
  readonly onToggle: () => void
}

function Line({ line, nowMs, isCurrent, onToggle }: LineProps) {
  const { node, actor, depth, below, isOpen } = line
  const name = actor === undefined ? node : actor.id
  return (
    <div class={isCurrent ? 'actor current' : 'actor'} role="cell" style={{ paddingLeft: `${10 + depth * 16}px` }}>
      {below > 0 ? (
        <button
          type="button"
          class="actor-toggle"
          aria-expanded={isOpen}
          aria-label={`${isOpen ? 'Close' : 'Open'} ${name}`}
          onClick={onToggle}
        >
          {isOpen ? '▾' : '▸'}
        </button>
      ) : (
        <span class="actor-toggle" />
      )}
      {actor === undefined ? (
        <a class="actor-name" href={hashOf('actors', node)}>
          <b>{node}</b> <span class="muted">{count(below)}</span>
        </a>
      ) : (
        <>
          <a
            class="actor-name"
            href={hashOf('actors', node, actor.id)}
            aria-current={isCurrent ? 'true' : undefined}
            title={actor.id}
          >
            {shortName(actor)}
            {!isOpen && below > 0 && <span class="muted"> +{count(below)}</span>}
          </a>
          <span class="actor-state" title={actor.state}>
            <Badge tone={toneOfState(actor.state)} text={shortState(actor.state)} />
          </span>
          <span class="actor-since muted">
            {actor.restarts > 0 && <span title="times it began anew">↻ {count(actor.restarts)} · </span>}
            {ago(actor.since_at, nowMs)}
          </span>
        </>
      )}
    </div>
  )
}
