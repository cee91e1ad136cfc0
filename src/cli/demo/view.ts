/** What the demo shows, as lines of text. Pure. */
import type { Summary } from './tally.ts'

export type Snapshot = {
  readonly elapsedMs: number
  readonly summary: Summary
  readonly bytesPublished: number
  readonly bytesCrossed: number
  readonly links: readonly LinkLine[]
}

/** Name of a link with its status and the reasons for it. */
export type LinkLine = {
  readonly name: string
  readonly status: string
  readonly reasons: readonly string[]
  /** Whether it speaks our own dialect. */
  readonly isNative: boolean
}

export type Ports = { readonly sending: number; readonly receiving: number }

/** How a stranger takes part, with any MQTT client. */
export function invitation({ sending, receiving }: Ports): string[] {
  return [
    `us-east  127.0.0.1:${sending}   1,000 devices publish here on devices/0000/reading to devices/0999/reading`,
    `eu-west  127.0.0.1:${receiving}   10 clients subscribe here to 10 of those topics; only these cross`,
    '',
    'Take part from another terminal:',
    `  mosquitto_sub -p ${receiving} -V 5 -q 1 -v -t devices/0500/reading    # one more topic crosses while this runs`,
    `  mosquitto_sub -p ${receiving} -V 5 -q 1 -v -t devices/hello`,
    `  mosquitto_pub -p ${sending} -V 5 -q 1 -t devices/hello -m hi           # crosses, because of the line above`,
  ]
}

/** One block for a terminal, redrawn in place. */
export function screen(now: Snapshot): string[] {
  const { summary } = now
  const onTheWay = summary.lost
  return [
    `published  ${count(summary.published)} messages in us-east, ${bytes(now.bytesPublished)}`,
    `crossed    ${count(summary.crossed)} of ${count(summary.expected)} subscribed in eu-west${onTheWay > 0 ? `, ${count(onTheWay)} on the way` : ''}${summary.duplicated > 0 ? `, ${count(summary.duplicated)} DOUBLED` : ''}`,
    `link       ${bytes(now.bytesCrossed)} on the wire, both ways, all included: ${percent(savedRatio(now))} saved`,
    `latency    p50 ${summary.latency_ms.p50} ms, p99 ${summary.latency_ms.p99} ms from publisher to subscriber through the link`,
    ...now.links.map(
      ({ name, status, reasons, isNative }) =>
        `${name}  ${[status, ...(isNative ? ['native dialect'] : []), ...reasons].join(', ')}`,
    ),
  ]
}

/** One line for a log file. */
export function line(now: Snapshot): string {
  const { published, crossed, latency_ms } = now.summary
  const links = now.links.map(({ name, status }) => `${name} ${status}`).join(', ')
  return `${Math.round(now.elapsedMs / 1000)} s: published ${published}, crossed ${crossed}, saved ${percent(savedRatio(now))}, p50 ${latency_ms.p50} ms, p99 ${latency_ms.p99} ms, ${links}`
}

/** 1 - bytes between the clusters / bytes from the devices; negative if the link cost more than it saved. */
export function savedRatio({
  bytesPublished,
  bytesCrossed,
}: Pick<Snapshot, 'bytesPublished' | 'bytesCrossed'>): number {
  return bytesPublished === 0 ? 0 : Math.round((1 - bytesCrossed / bytesPublished) * 10_000) / 10_000
}

const count = (value: number): string => value.toLocaleString('en-US')
const percent = (ratio: number): string => `${(ratio * 100).toFixed(1)} %`

function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB']
  const power = Math.min(units.length - 1, value < 1000 ? 0 : Math.floor(Math.log10(value) / 3))
  return `${(value / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power] ?? ''}`
}
