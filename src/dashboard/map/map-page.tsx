/** Clusters, nodes and links as a map: how each link is, and how much flows on it now. */
import { useEffect, useMemo, useState } from 'preact/hooks'
import { Reading } from '../controls/empty.tsx'
import { StatusBadge } from '../controls/status-badge.tsx'
import { compact, count } from '../format/number.ts'
import { shownEntries } from '../links/list/link-entries.ts'
import { NoLinks } from '../links/list/no-links.tsx'
import { useLinks } from '../links/list/use-links.ts'
import { useNodes } from '../nodes/use-nodes.ts'
import { hrefOf } from './map-address.ts'
import { MapDrawing } from './map-drawing.tsx'
import { mapEntries, type MapEntry } from './map-places.ts'

export function MapPage() {
  const nodes = useNodes()
  const { entries, fault, reload } = useLinks()
  const [picked, setPicked] = useState('')
  const shown = useMemo(
    () => mapEntries(shownEntries(entries ?? [], { search: '', status: 'all', sort: { by: 'status', down: false } })),
    [entries],
  )
  const [place, setPlace] = useState<HTMLDivElement | null>(null)
  const width = useWidth(place)
  const entry = shown.find(({ key }) => key === picked)
  return (
    <section class="page" aria-labelledby="map-title">
      <header class="page-head">
        <h1 id="map-title">Map</h1>
        {entries !== undefined && <span class="muted">{count(entries.length)} links</span>}
      </header>
      {entries === undefined ? (
        <Reading fault={fault} onRetry={reload} />
      ) : entries.length === 0 ? (
        <NoLinks />
      ) : (
        <>
          <Picked entry={entry} />
          <div class="map-place" ref={setPlace}>
            {width > 0 && (
              <MapDrawing width={width} nodes={nodes.value ?? []} entries={shown} picked={picked} onPick={setPicked} />
            )}
          </div>
          {shown.length < entries.length && (
            <p class="muted">Links that do alike stand together, those that are few of a kind one by one.</p>
          )}
        </>
      )}
    </section>
  )
}

/** The width that the drawing has, in pixels; 0 until that is known. */
function useWidth(place: HTMLElement | null): number {
  const [width, setWidth] = useState(0)
  useEffect(() => {
    if (place === null) return undefined
    const observer = new ResizeObserver(() => setWidth(place.clientWidth))
    observer.observe(place)
    return () => observer.disconnect()
  }, [place])
  return width
}

/** Always as high, so that the map does not jump. */
function Picked({ entry }: { readonly entry: MapEntry | undefined }) {
  if (entry === undefined) {
    return (
      <div class="panel map-picked">
        <p class="map-key">
          <span>
            <i class="flow-out" /> to the peer
          </span>
          <span>
            <i class="flow-in" /> from the peer
          </span>
          <span class="muted">The thicker and the faster, the more. Point at a peer to see why it is as it is.</span>
        </p>
      </div>
    )
  }
  const { title, status, links, reason, outRate, inRate, outbox, routes } = entry
  const href = hrefOf(entry)
  return (
    <div class="panel map-picked" role="status">
      <p>
        <a href={href}>
          <b>{title}</b>
        </a>{' '}
        {links === 1 && <StatusBadge status={status} />} <span class="reason">{reason}</span>
      </p>
      <p class="muted">
        out {compact(outRate)}/s, in {compact(inRate)}/s; {compact(outbox)} wait; the peer wants {count(routes.peers)}{' '}
        routes, we want {count(routes.ours)}
      </p>
    </div>
  )
}
