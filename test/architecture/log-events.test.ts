/** Whoever watches EMQX's links by their log events finds the same names here; names of our own are listed, with why. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

/** Source: `emqx_cluster_link` of EMQX 6.3, its calls of `?SLOG` and `?tp`. */
const emqx = [
  ...'init connected online bootstrap_complete bootstrap_failed handshake_failed handshake_rejected handshake_timeout'
    .concat(' connection_failed connection_down disconnected protocol_error unexpected_event stop_client')
    .split(' ')
    .map((word) => `cluster_link_routerepl_${word}`),
  'cluster_link_actor_init_rejected',
  'cluster_link_forwarding_client_disconnected',
  'cluster_link_forwarding_client_start_failed',
  'cluster_link_route_sync_complete',
  'cluster_link_extrouter_route_added',
  'cluster_link_extrouter_route_deleted',
  'cluster_link_extrouter_actor_cleaned',
  // The word of an ack, not an event.
  'cluster_link_disabled',
]

/** What EMQX has no event for. */
const ours: Readonly<Record<string, string>> = {
  cluster_link_status: 'a link here has a status with reasons',
  cluster_link_crashed: 'a link here is supervised by itself',
  cluster_link_failed: 'the same, at its end',
  cluster_link_goodbye: 'only our own dialect takes leave',
  cluster_link_outbox_lost: 'an outbox here belongs to its link',
  cluster_link_outbox_kept: 'the same, and what is durable is on the disk',
  cluster_link_actor_init: 'EMQX tells of refused peers alone',
  cluster_link_extrouter_actor_stale: 'routes here outlive their lease',
  cluster_link_extrouter_actor_swept: 'routes here are made before they are broken',
  cluster_link_routes_restored: 'what a peer wants outlives the process here, if its link is durable',
  cluster_link_extrouter_route_ignored: 'EMQX takes what is no filter',
  cluster_link_routerepl_route_too_large: 'EMQX does not look at the peer’s Maximum Packet Size',
  cluster_link_accept_failed: 'a message that the broker fails to take is told apart here',
  cluster_link_retained_told: 'EMQX tells nothing of what was retained before',
  cluster_link_speaker_refused: 'EMQX leaves it to its rules who may speak for a cluster',
  cluster_link_topic_refused: 'EMQX hands such packets on to its other hooks',
  cluster_link_slot_changed: 'a node of a cluster here has its ClientIDs by its slot',
  cluster_link_routerepl_way_given: 'one node here speaks for its cluster, and leaves it to another if it can’t',
  cluster_link_speaking_release_failed: 'the same: it could not tell the others',
  cluster_link_actor_moved_away: 'a peer’s actor here is one actor, whichever node of the cluster it comes to',
  cluster_link_extrouter_not_shared: 'the same, from the side of the node that the peer speaks to',
  cluster_link_extrouter_mirror_full: 'every node of a cluster here has all routes of a peer, within limits of its own',
  cluster_link_native_peer: 'EMQX knows no other dialect',
  cluster_link_not_native: 'the same',
  cluster_link_turned_native: 'the same',
  cluster_link_enquiry_failed: 'a peer here may ask what we know of its link',
  cluster_link_mute: 'EMQX does not look whether anything crosses',
  cluster_link_mute_restart: 'the same',
  cluster_link_forwarding_paused: 'an operator here may hold messages back',
  cluster_link_forwarding_resumed: 'the same',
  cluster_link_outbox_purged: 'the same: he may give them up',
  cluster_link_marks_incomplete: 'EMQX does not know what it has taken before',
  cluster_link_unknown_operation: 'EMQX passes over it without a word',
}

const events = new Set(
  ['src', 'actors']
    .flatMap((top) => readdirSync(top, { recursive: true, encoding: 'utf8' }).map((file) => `${top}/${file}`))
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => readFileSync(file, 'utf8').match(/(?<=')cluster_link_[a-z_]+(?=')/g) ?? []),
)

test('each event of a link is EMQX’s, or one of ours that says why', () => {
  assert.ok(events.has('cluster_link_routerepl_online'), 'no event was read at all')
  const unknown = [...events].filter((event) => !emqx.includes(event) && !Object.hasOwn(ours, event))
  assert.deepEqual(unknown, [])
})

test('the list of our own names nothing that is gone', () => {
  assert.deepEqual(
    Object.keys(ours).filter((event) => !events.has(event)),
    [],
  )
})
