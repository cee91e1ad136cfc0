/** Where things stand on the map: never over each other, never beyond its edges. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  fitted,
  laneSeconds,
  laneWidth,
  mapEntries,
  placesOf,
  SINGLE_MAX,
  type Box,
} from '../../src/dashboard/map/map-places.ts'
import type { LinkEntry } from '../../src/dashboard/links/list/link-entries.ts'
import { linkRows, links } from './made-up-lists.ts'

const entriesOf = (count: number): LinkEntry[] => {
  const rows = linkRows(count)
  return links(count).map(({ name, server, topics, enable, status, reasons }, at) => {
    return { name, server, topics, enable, status, reason: reasons.join(), live: rows[at] }
  })
}
const overlap = (a: Box, b: Box): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height

test('boxes never overlap and never leave the drawing, on any screen', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 280, max: 1_400 }),
      fc.integer({ min: 1, max: 8 }),
      fc.nat(42),
      (width, nodes, peers) => {
        const places = placesOf(width, nodes, peers)
        const boxes = [places.cluster, ...places.peers.map(({ box }) => box)]
        for (const [at, box] of boxes.entries()) {
          assert.ok(box.x >= 0 && box.y >= 0, 'at the edge')
          assert.ok(box.x + box.width <= width && box.y + box.height <= places.height, 'within')
          for (const other of boxes.slice(at + 1)) assert.equal(overlap(box, other), false)
        }
        assert.equal(places.nodes.length, nodes)
        for (const box of places.nodes) assert.ok(box.y + box.height <= places.cluster.y + places.cluster.height)
      },
    ),
  )
})

test('few links stand one by one, many in groups whose numbers sum up', () => {
  assert.equal(mapEntries(entriesOf(SINGLE_MAX)).length, SINGLE_MAX)
  const many = mapEntries(entriesOf(1_000))
  assert.ok(many.length <= 42)
  assert.equal(
    many.reduce((sum, { links }) => sum + links, 0),
    1_000,
  )
  const rates = linkRows(1_000).reduce((sum, { out_rate: rate }) => sum + rate, 0)
  assert.equal(
    many.reduce((sum, { outRate }) => sum + outRate, 0),
    rates,
  )
  assert.deepEqual(
    many.filter(({ links }) => links === 1).map(({ title }) => title),
    ['peer-0007'],
  )
})

test('what does not flow has no lane; more is thicker and faster, and has an end', () => {
  assert.equal(laneWidth(0), 0)
  assert.ok(laneWidth(0.1) > 0)
  assert.ok(laneWidth(1_000) > laneWidth(10) && laneSeconds(1_000) < laneSeconds(10))
  assert.ok(laneWidth(1e9) <= 8 && laneSeconds(1e9) >= 0.4)
})

test('a name that is too long ends in an ellipsis', () => {
  assert.equal(fitted('eu-west', 100, 8), 'eu-west')
  assert.equal(fitted('a-very-long-name-of-a-peer', 80, 8), 'a-very-lo…')
})
