/** What a step does, for people. */
import type { Deed, LinkInput, Range, Step } from './plan.ts'

/** One line, without the time. */
export function stepWords({ deed, lastsMs }: Step): string {
  const [words, endsWith] = deedWords(deed)
  if (endsWith === undefined) return words
  return `${words}; after ${secondsWords(lastsMs)} ${endsWith}`
}

/** `1.25 s`. */
export function secondsWords(ms: number): string {
  return `${Number((ms / 1_000).toFixed(ms < 10_000 ? 2 : 1))} s`
}

/** What happens, and what ends it, if anything does. */
function deedWords(deed: Deed): readonly [string, string | undefined] | readonly [string] {
  switch (deed.type) {
    case 'cut': {
      const way = deed.isOneWay
        ? `nothing from ${deed.from.join(', ')} reaches`
        : `${deed.from.join(', ')} cut off from`
      return [`${way} ${deed.to.join(', ')} (${deed.how})`, 'mended']
    }
    case 'reset':
      return [`connections between ${deed.from.join(', ')} and ${deed.to.join(', ')} reset`]
    case 'slow':
      return [`${rangeWords(deed.latencyMs)} between ${deed.from.join(', ')} and ${deed.to.join(', ')}`, 'as before']
    case 'echo':
      return [`what ${deed.from.join(', ')} dials at ${deed.to.join(', ')} is connected twice`, 'as before']
    case 'crash': {
      const deeds = { kill: 'killed', power: 'without power', stop: 'told to stop' }
      return [`${deed.node} ${deeds[deed.how]}`, deed.losesDisk ? 'started with an empty disk' : 'started']
    }
    case 'freeze':
      return [`${deed.node} stands still`, 'it goes on']
    case 'clock':
      return [
        `the wall clock of ${deed.node} set ${deed.byMs < 0 ? 'back' : 'forward'} by ${secondsWords(Math.abs(deed.byMs))}`,
      ]
    case 'disk':
      return [`the disk of ${deed.node} is ${deed.how}`, 'well again']
    case 'coordination_cut': {
      const which = deed.servers === null ? 'NATS' : `NATS server ${deed.servers.join(', ')}`
      const ways = { both: 'cut off from', to_servers: 'not heard by', from_servers: 'without answers of' }
      return [`${deed.nodes.join(', ')} ${ways[deed.direction]} ${which} of ${deed.cluster} (${deed.how})`, 'mended']
    }
    case 'coordination_split':
      return [`NATS server ${deed.apart.join(', ')} of ${deed.cluster} apart from the others`, 'together again']
    case 'coordination_server':
      return [
        `NATS server ${deed.server} of ${deed.cluster} ${deed.how === 'kill' ? 'killed' : 'stands still'}`,
        'there again',
      ]
    case 'coordination_slow':
      return [`${rangeWords(deed.latencyMs)} to NATS of ${deed.cluster}`, 'as before']
    case 'coordination_wipe':
      return [`NATS of ${deed.cluster} loses all its registers`]
    case 'link': {
      const words = deed.change === null ? 'deleted' : `set: ${linkWords(deed.change)}`
      return [`link of ${deed.cluster} to ${deed.peer} ${words}`, deed.isUndone ? 'as before' : undefined]
    }
    case 'link_misnamed':
      return [`a second link of ${deed.cluster} to ${deed.peer}, named ${deed.name}`, 'deleted']
    case 'client_drops':
      return [`${deed.client} loses its connection${deed.moves ? ', and goes to any node' : ''}`]
    case 'client_doubles':
      return [`${deed.client} comes a second time, to node ${deed.node + 1} of its cluster`]
    case 'client_away':
      return [`${deed.client} says goodbye`, 'it comes back']
    case 'client_trespasses':
      return [`${deed.client} tries what only peers may do`]
  }
}

/** `topics t/#, durable, dialect emqx`. */
export function linkWords(link: LinkInput): string {
  const { topics, durable, dialect, overflow, retained, enable, pool_size, resource_opts = {} } = link
  const words = [
    enable === false ? 'disabled' : '',
    topics.length === 0 ? 'wants nothing' : `wants ${topics.join(' ')}`,
    durable === true ? 'durable' : '',
    dialect === 'auto' || dialect === undefined ? '' : `dialect ${dialect}`,
    `retained ${retained ?? 'live'}`,
    `pool of ${pool_size ?? 8}`,
    ...Object.entries(resource_opts).map(([name, value]) => `${name} ${String(value)}`),
    'max_buffer_messages' in resource_opts ? `overflow ${overflow ?? 'drop_oldest'}` : '',
  ]
  return words.filter((word) => word !== '').join(', ')
}

function rangeWords({ minMs, maxMs }: Range): string {
  return `${minMs} to ${maxMs} ms`
}
