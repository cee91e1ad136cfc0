/** On what ground a client may do something or may not: the word of one rule, or what holds where no rule speaks. */
import type { Identity } from '../client-info.ts'
import { reservedNamespace } from '../../sessions/subscription.ts'
import { type ClientRights, type Entry, firstEntry, subscribeBit } from './client-rights.ts'
import type { QoS } from '../../../packets/message.ts'

export type Ground =
  | Entry<boolean>
  /** The node keeps the topic for itself. */
  | 'namespace'
  | 'superuser'
  /** There are no rules. */
  | 'open'
  | 'no_match'

/** @param bit see `publishBit` */
export function publishGround(
  { publish }: ClientRights,
  { isSuperuser }: Identity,
  topic: string,
  bit: number,
): Ground {
  // `$SYS/` is the broker's to write, and `$LINK/` is not asked about here.
  if (reservedNamespace(topic) !== undefined) return 'namespace'
  return isSuperuser ? 'superuser' : (firstEntry(publish, topic, bit) ?? 'no_match')
}

/** @param topicFilter of a shared subscription the filter without `$share/group/` */
export function subscribeGround(
  { sys, subscribe }: ClientRights,
  { isSuperuser }: Identity,
  topicFilter: string,
  qos: QoS,
  isOpen: boolean,
): Ground {
  switch (reservedNamespace(topicFilter)) {
    case 'link':
      return 'namespace'
    case 'sys':
      if (isOpen) return 'open'
      return isSuperuser ? 'superuser' : (firstEntry(sys, topicFilter, subscribeBit(qos)) ?? 'namespace')
    case undefined:
      return isSuperuser ? 'superuser' : (firstEntry(subscribe, topicFilter, subscribeBit(qos)) ?? 'no_match')
  }
}

/** @param noMatch whether that is allowed which no rule speaks of */
export function isAllowed(ground: Ground, noMatch: boolean): boolean {
  if (typeof ground === 'object') return ground.verdict
  return ground === 'no_match' ? noMatch : ground !== 'namespace'
}
