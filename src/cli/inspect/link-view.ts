/** All that a node tells of one link, for people: how it is, who the peer is, what crosses, and where every message stands. */
import { ledgerLines, text } from './rows.ts'
import { isFields, type Fields } from '../fields.ts'
import { bytesText, durationText, printable } from './table.ts'

export function oneLinkLines(link: Fields): string[] {
  const { name, state, reasons } = link
  const facts = [
    ['dialect', dialectText(link)],
    ['peer', peerText(link['peer'])],
    ['speaker', text(link['speaker'])],
    ['routes', routesText(link)],
    ['outbox', outboxText(link['outbox'])],
    ['backlog', backlogText(link['backlog'])],
    ['retained', retainedText(link['retained'])],
    ['compression', compressionText(link['compression'])],
  ] as const
  return [
    printable(`${text(name)}: ${text(state)}`),
    ...(Array.isArray(reasons) ? reasons.map((reason) => printable(`  ${text(reason)}`)) : []),
    ...facts.flatMap(([title, words]) => (words === '' ? [] : [printable(`  ${title.padEnd(12)}${words}`)])),
    '',
    ...ledgerLines(link),
  ]
}

/** `1200 messages, 400 a second, 3 s left` */
export function backlogText(backlog: unknown): string {
  if (!isFields(backlog)) return ''
  const { messages, perSecond, secondsLeft } = backlog
  const left = typeof secondsLeft === 'number' ? `, ${durationText(secondsLeft * 1_000)} left` : ''
  return `${text(messages)} messages, ${text(perSecond)} a second${left}`
}

/** Each direction finds out for itself. */
function dialectText({ dialect, peerDialect }: Fields): string {
  const ours = dialect === undefined ? 'no connection to the peer' : `we speak ${text(dialect)}`
  const theirs = peerDialect === undefined ? 'the peer has no connection to this node' : `the peer ${text(peerDialect)}`
  return `${ours}, ${theirs}`
}

function peerText(peer: unknown): string {
  if (!isFields(peer)) return ''
  const { node, version, features } = peer
  const known = Array.isArray(features) && features.length > 0 ? `, with ${features.map(text).join(', ')}` : ''
  return `${text(node)}, version ${text(version)} of the native dialect${known}`
}

function routesText({ routes, progress }: Fields): string {
  if (!isFields(routes)) return ''
  const told = isFields(progress) ? `; ${text(progress['told'])} of ${text(progress['total'])} told so far` : ''
  return `${text(routes['ours'])} of ours, ${text(routes['peers'])} of the peer${told}`
}

function outboxText(outbox: unknown): string {
  if (!isFields(outbox)) return ''
  const { messages, bytes, fill } = outbox
  const full = typeof fill === 'number' ? `, ${Math.floor(fill * 100)} % full` : ''
  return `${text(messages)} messages, ${bytesText(Number(bytes))}${full}`
}

function retainedText(retained: unknown): string {
  if (!isFields(retained)) return ''
  const { routes, topics, told } = retained
  const isDone = routes === 0 && topics === 0
  const left = isDone ? 'nothing left' : `${text(topics)} topics and ${text(routes)} routes left`
  return `${text(told)} messages told, ${left}`
}

function compressionText(compression: unknown): string {
  if (!isFields(compression)) return ''
  const { bytesBefore, bytesAfter, batches, tries } = compression
  const bytes = `${bytesText(Number(bytesBefore))} went as ${bytesText(Number(bytesAfter))}`
  return `${bytes}, ${text(batches)} batches compressed of ${text(tries)} tried`
}
