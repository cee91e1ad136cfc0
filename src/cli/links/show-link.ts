/** `isthmus links show LINK`. */
import { segment } from '../api-client.ts'
import { answer, apiOf, type AskOptions } from '../ask.ts'
import { type Fields, isFields } from '../fields.ts'
import { field, text } from '../inspect/rows.ts'
import type { Column } from '../inspect/table.ts'
import { fieldsIn, showFacts, showRows } from '../show.ts'
import type { Terminal } from '../terminal.ts'
import { showOrWatch } from '../watch.ts'
import { reasonsText, statusColumn, textsOf } from './link-words.ts'

const planeState =
  (name: string) =>
  ({ planes }: Fields) => {
    const plane = isFields(planes) ? planes[name] : undefined
    return isFields(plane) ? text(plane['state']) : ''
  }

const nodeColumns: readonly Column<Fields>[] = [
  { title: 'NODE', of: field('node') },
  statusColumn,
  { title: 'ROUTES', of: planeState('route_sync') },
  { title: 'MESSAGES', of: planeState('forwarding') },
  { title: 'PEER', of: planeState('inbound') },
  { title: 'PAUSED', of: ({ paused }) => (paused === true ? 'yes' : 'no') },
  { title: 'REASON', of: reasonsText },
]

/** What an answer has beside the settings. */
const states = new Set(['name', 'status', 'reasons', 'emqx_status', 'speaker', 'peer', 'peer_dialect', 'node_status'])

export async function show(
  link: string,
  options: AskOptions & { readonly watch: boolean },
  terminal: Terminal,
): Promise<0> {
  const api = await apiOf(options, terminal)
  return showOrWatch(options.watch, terminal, async (screen) => {
    const shown = await api.get(`/cluster/links/${segment(link)}`)
    answer(options, screen, shown, () => showLink(isFields(shown) ? shown : {}, screen))
  })
}

export function showLink(link: Fields, terminal: Terminal): void {
  const { peer, speaker, peer_dialect } = link
  showFacts(terminal, [
    ['name', text(link['name'])],
    ['status', text(link['status'])],
    ...textsOf(link['reasons']).map((reason) => ['reason', reason] as const),
    ['speaks for the cluster', text(speaker)],
    ['node of the peer', isFields(peer) ? text(peer['node']) : ''],
    ['the peer speaks', text(peer_dialect)],
    ...settingFacts(Object.fromEntries(Object.entries(link).filter(([name]) => !states.has(name)))),
  ])
  if (terminal.out.isTTY === true) terminal.out.write('\n')
  showRows(terminal, nodeColumns, fieldsIn(link['node_status']), 'no node has it')
}

/** As they are named in `--set`. */
function settingFacts(settings: Fields, prefix = ''): (readonly [string, string])[] {
  return Object.entries(settings).flatMap(([name, value]) => {
    if (isFields(value)) return settingFacts(value, `${prefix}${name}.`)
    return [[`${prefix}${name}`, text(value)] as const]
  })
}
