/** What is wrong at a node and wants somebody's eyes: raised and cleared by name. */

export type AlarmKind =
  | 'link_down'
  | 'link_degraded'
  | 'link_refused'
  | 'link_mute'
  | 'outbox_above_mark'
  | 'messages_dropped'
  | 'certificate_expiring'
  | 'coordination_lost'
  | 'clock_skew'

export const alarmKinds: readonly AlarmKind[] = [
  'link_down',
  'link_degraded',
  'link_refused',
  'link_mute',
  'outbox_above_mark',
  'messages_dropped',
  'certificate_expiring',
  'coordination_lost',
  'clock_skew',
]

/** Something that is wrong just now. */
export type Condition = {
  readonly kind: AlarmKind
  /** Of the alarm: one is active under a name at a time. */
  readonly name: string
  /** The link that it is about, if it is about one. */
  readonly link?: string
  /** Why, in words. */
  readonly reason: string
  /** What is wrong, in a sentence that stands alone. */
  readonly message: string
}

export type Alarm = Condition & {
  /** Milliseconds since 1970. */
  readonly activatedAtMs: number
  /** Milliseconds since 1970; `undefined` while it is active. */
  readonly deactivatedAtMs: number | undefined
  /** How long it has been active, or was, by a clock that nobody sets. */
  readonly durationMs: number
}

/**
 * The name of an alarm. That of a link which is down is EMQX's, the id of the resource, by which scripts written for EMQX know it; the
 * others have its shape.
 */
export function linkAlarmName(kind: AlarmKind, link: string): string {
  return kind === 'link_down' ? `emqx_cluster_link_mqtt:msg:${link}` : `cluster_link:${kind}:${link}`
}
