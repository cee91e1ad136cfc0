/** What runs, and whether it moves: the nodes, the connections for messages, the outbox, the probe, and what was of late. Pure. */
import type { Account } from '../enquiry.ts'
import type { ProbeResult } from '../probe/probe-view.ts'
import { broken, doubtful, fine, type Finding, skipped } from './finding.ts'
import { count } from './judge-handshake.ts'
import type { LinkOnNode } from './link-on-node.ts'

/** Nearly full: what the outbox itself takes for its high-water mark. */
const FILL_HIGH = 0.8
/** What drops the oldest keeps a little below 1. */
const FILL_FULL = 0.98
/** So many ends of connections in the minutes that are remembered are worth a word. */
const DISCONNECTS_MANY = 3
const CLOCKS_APART_MS = 1_000

export type SilentNode = { readonly node: string; readonly reason: string }

/** Whether the link is well on all of them: what is wrong on one is seen there alone. */
export function judgeNodes(asked: string, nodes: readonly LinkOnNode[], silent: readonly SilentNode[]): Finding {
  const speaker = nodes.find(({ routeSync }) => routeSync !== null && routeSync.phase !== 'standby')?.node
  const speaks =
    speaker === undefined || nodes.length + silent.length < 2
      ? ''
      : `; ${speaker} speaks for all${speaker === asked ? '' : `, and ${asked} was asked`}`
  const ill = nodes.filter(({ forwarding }) => forwarding === null || forwarding.up === 0)
  const words = ill.map(
    ({ node, forwarding, reasons }) =>
      `${node}: ${forwarding?.trouble?.reason ?? (reasons.join('; ') || 'no connection')}`,
  )
  const well = `the link works on ${nodes.length - ill.length} of ${count(nodes.length, 'node')}`
  if (ill.length > 0) {
    const others = nodes.filter((node) => !ill.includes(node)).map(({ node }) => node)
    return broken(
      `${others.length === 0 ? 'the link has no connection for messages' : well}; ${words.join('; ')}${speaks}`,
      others.length === 0
        ? 'the reason says what the peer has against it; it is tried again by itself'
        : `what is wrong is at ${ill.map(({ node }) => node).join(', ')}: compare network, name service and certificate files with those of ${others.join(', ')}`,
    )
  }
  if (silent.length > 0)
    return doubtful(
      `${well}${speaks}; no answer from ${silent.map(({ node, reason }) => `${node} (${reason})`).join(', ')}`,
      'look whether the silent nodes run and reach NATS',
    )
  return fine(`${well}${speaks}`)
}

export function judgeForwarding({ forwarding }: LinkOnNode): Finding {
  if (forwarding === null) return broken('the link does not run on this node', 'look into the log of this node')
  const { up, connections, trouble } = forwarding
  if (up < connections)
    return doubtful(
      `${up} of ${count(connections, 'connection')} for messages are up${trouble === undefined ? '' : `: ${trouble.reason}`}`,
      'it is tried again by itself; if it stays so, look at limits for connections at the peer',
    )
  return fine(`${count(up, 'connection')} for messages ${up === 1 ? 'is' : 'are'} up`)
}

/** @param account of the peer, whose side may be paused as well */
export function judgePause(nodes: readonly LinkOnNode[], link: string, account: Account | undefined): Finding {
  const paused = nodes.find(({ pause }) => pause !== null)
  if (paused?.pause !== undefined && paused.pause !== null) {
    const { by, sinceMs } = paused.pause
    return broken(
      `forwarding to the peer is paused by ${by} since ${new Date(sinceMs).toISOString()}: ${waits(paused)}`,
      `resume it on this side: isthmus links resume ${link}, or POST /api/v5/cluster/links/${link}/resume`,
    )
  }
  const by = account?.link?.paused_by
  if (by !== undefined)
    return doubtful(
      `the peer has paused what it sends to us (${by}): ${count(account?.link?.outbox.messages ?? 0, 'message')} wait there`,
      'resume forwarding of its link to us at the peer',
    )
  return fine('forwarding is not paused')
}

export function judgeProbe(result: ProbeResult): Finding {
  switch (result.type) {
    case 'answered': {
      const { kind, round_trip_ms: ms, answered_over: over } = result
      if (kind === 'emqx')
        return fine(`the peer answers PINGREQ on each connection within ${ms} ms: more EMQX’s protocol does not allow`)
      const back =
        over === 'same_connection' ? ', over the same connection: the peer’s own link to us does not carry it' : ''
      const detail = `a message went there and back in ${ms} ms${back}`
      return fine(detail)
    }
    case 'unanswered': {
      const { waited_ms: ms, isAcknowledged } = result
      if (isAcknowledged)
        return broken(
          `a probe message went there, and its answer did not come back within ${Math.round(ms)} ms`,
          'look at the peer’s link to us: what it sends does not come',
        )
      return broken(
        `the link is connected and mute: a probe message was neither acknowledged nor answered within ${Math.round(ms)} ms`,
        'look whether the peer hangs or is overloaded, and whether something between (a balancer, a firewall) swallows packets; the link opens its connections anew by itself',
      )
    }
    case 'not_connected':
      return broken(
        'no probe could be sent: no connection for messages is up',
        'see the status of the link for the reason',
      )
    case 'not_probed':
      return skipped('this node sends no probes')
  }
}

export function judgeOutbox({ outbox, ledger }: LinkOnNode): Finding {
  const lost = [...Object.entries(ledger.dropped), ...Object.entries(ledger.failed)].filter(
    ([, number]) => (number ?? 0) > 0,
  )
  const words = lost.map(([reason, number]) => `${number} ${reason}`).join(', ')
  const { fill, messages, overflow } = outbox
  const kept = overflow === 'backpressure' ? 'publishers have to wait' : `messages are lost (overflow = ${overflow})`
  if (fill >= FILL_FULL)
    return broken(
      `the outbox is full: ${count(messages, 'message')} wait, and ${kept}${words === '' ? '' : `; so far ${words}`}`,
      'more is published than crosses: narrow topics of the peer’s link, look at the network and the peer, or raise resource_opts.max_buffer_bytes and max_buffer_messages of the link on this side',
    )
  if (fill >= FILL_HIGH)
    return doubtful(
      `the outbox is ${Math.round(fill * 100)} % full: ${count(messages, 'message')} wait`,
      'see how fast it drains; raise resource_opts.max_buffer_bytes of the link on this side if outages are long',
    )
  if (words !== '')
    return doubtful(
      `messages did not cross since the counters began: ${words}`,
      lostRemedy(lost.map(([reason]) => reason)),
    )
  return fine(
    messages === 0 ? 'nothing waits in the outbox, and nothing was lost' : `${waits({ outbox })}, and nothing was lost`,
  )
}

function waits({ outbox: { messages, fill, oldestMs } }: Pick<LinkOnNode, 'outbox'>): string {
  const age = oldestMs === null ? '' : `, the oldest for ${Math.round(oldestMs / 1_000)} s`
  const full = fill >= FILL_FULL ? '; the outbox is full' : ''
  return `${count(messages, 'message')} wait${messages === 1 ? 's' : ''} in the outbox${age}${full}`
}

function lostRemedy(reasons: readonly string[]): string {
  const first = reasons[0] ?? ''
  if (first === 'expired')
    return 'messages waited longer than they live: raise resource_opts.request_ttl of the link on this side, or their Message Expiry Interval'
  if (first === 'queue_full' || first === 'shed_qos0')
    return 'the outbox was full at times: raise resource_opts.max_buffer_bytes and max_buffer_messages of the link on this side, or set durable = true and overflow = backpressure'
  if (first === 'too_large') return 'raise max_packet_size at the peer'
  if (first.startsWith('refused_by_peer'))
    return 'the reason code is the peer’s: 0x87 wants another rule or accept there, 0x97 another quota'
  return 'set the counters back once that is understood: PUT /api/v5/cluster/links/NAME/metrics/reset'
}

export type Difference = {
  readonly what: string
  readonly ours: unknown
  readonly theirs: unknown
  readonly note: string
}

/** @param differences in which both sides are known and do not agree */
export function judgeLedgers(
  node: LinkOnNode,
  account: Account | undefined,
  differences: readonly Difference[],
): Finding {
  const { delivered } = node.ledger
  const told = differences.map(
    ({ what, ours, theirs }) => `${what}: ${JSON.stringify(ours)} here, ${JSON.stringify(theirs)} there`,
  )
  const theirs = account?.link
  if (theirs !== undefined && theirs !== null && theirs.refused > 0)
    told.push(
      `${count(theirs.refused, 'message')} of ours that the peer did not let in (not in its topics, disabled or not to be read)`,
    )
  if (told.length > 0)
    return doubtful(
      `the two sides differ: ${told.join('; ')}`,
      'what changes right now differs for a moment; if it stays, GET /api/v5/cluster/links/NAME/drift tells more',
    )
  if (theirs === undefined || theirs === null)
    return fine(`${delivered} of our messages were acknowledged; the peer’s account is not known`)
  return fine(
    `of ours ${delivered} were acknowledged to this node, and ${theirs.accepted} accepted by ${account?.node ?? 'the peer'}; it sent ${theirs.delivered}`,
  )
}

export function judgeHistory({ recent: { minutes, disconnects, last } }: LinkOnNode): Finding {
  if (disconnects === 0 || last === undefined) return fine(`no connection was lost in the last ${minutes} minutes`)
  const words = `${count(disconnects, 'connection')} lost in the last ${minutes} minutes, the last one at ${new Date(last.atMs).toISOString()} (${last.actor}): ${last.reason}`
  return disconnects >= DISCONNECTS_MANY
    ? doubtful(words, 'look at the network between the two, and into the log of the peer at these times')
    : fine(words)
}

export function judgeClock({ clockOffsetMs: offset }: LinkOnNode): Finding {
  if (offset === null) return skipped('the peer’s clock is not known')
  if (Math.abs(offset) <= CLOCKS_APART_MS)
    return fine(`the peer’s clock and ours are ${Math.abs(Math.round(offset))} ms apart`)
  return doubtful(
    `the peer’s clock is ${Math.abs(Math.round(offset / 100) / 10)} s ${offset > 0 ? 'ahead of' : 'behind'} ours: of retained messages the wrong one may win`,
    'set the clocks of both sides (NTP)',
  )
}
