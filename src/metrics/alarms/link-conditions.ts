/** What is wrong with one link, from what its status says. Pure. */
import { type AlarmKind, type Condition, linkAlarmName } from './alarm.ts'

/** A link as far as alarms are concerned. */
export type LinkOutlook = {
  readonly link: string
  readonly state: 'running' | 'connecting' | 'bootstrapping' | 'degraded' | 'stopped' | 'failed'
  readonly reasons: readonly string[]
  /** The peer said goodbye, so that what follows from it is nobody's trouble. */
  readonly peerLeft: boolean
  /** The peer, or we, said no: in words. */
  readonly refusal: string | undefined
  /** Since when it has been connected without passing anything, milliseconds since 1970. */
  readonly muteSinceMs: number | undefined
  /** How full the outbox is, 0 to 1, if that is above its high-water mark. */
  readonly fillAboveMark: number | undefined
}

export function linkConditions(outlook: LinkOutlook): Condition[] {
  const { state, reasons, peerLeft, refusal, muteSinceMs, fillAboveMark } = outlook
  if (state === 'stopped') return []
  const why = reasons.join('; ')
  const found: Condition[] = []
  const add = (kind: AlarmKind, reason: string, message: string) =>
    found.push({ kind, name: linkAlarmName(kind, outlook.link), link: outlook.link, reason, message })
  // A link that has just begun to connect gives no reasons yet.
  const isDown = state === 'failed' || (state === 'connecting' && reasons.length > 0)
  if (isDown && !peerLeft) add('link_down', why, `resource down: ${why}`)
  if (state === 'degraded' && !peerLeft) add('link_degraded', why, `the link ${outlook.link} is degraded: ${why}`)
  if (refusal !== undefined && !peerLeft)
    add('link_refused', refusal, `the link ${outlook.link} is refused: ${refusal}`)
  if (muteSinceMs !== undefined) {
    const since = `nothing has crossed since ${new Date(muteSinceMs).toISOString()}`
    add('link_mute', since, `the link ${outlook.link} is connected, but ${since}`)
  }
  if (fillAboveMark !== undefined) {
    const fill = `the outbox is filled to ${Math.round(fillAboveMark * 100)} %`
    add('outbox_above_mark', fill, `${fill}: messages wait for the peer of the link ${outlook.link}`)
  }
  return found
}
