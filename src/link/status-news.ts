/** How loudly the log tells of another status of a link. */
import type { LinkStatus } from './status.ts'

/** Another state or another reason is news; how many of the pool are down is not, while they go down one by one. */
export function levelOf(status: LinkStatus, before: LinkStatus): 'debug' | 'info' | 'warn' {
  const { state } = status
  if (state !== before.state)
    return (state === 'degraded' && !isLeaveTaking(status)) || state === 'failed' ? 'warn' : 'info'
  return wordsOf(status) === wordsOf(before) ? 'debug' : 'info'
}

/** Nothing is the matter but that the peer has closed connections in good order, as one that stops or is taken over does. */
function isLeaveTaking({ reasons, planes }: LinkStatus): boolean {
  const failures = [planes?.routeSync.failure, planes?.forwarding.failure].filter((failure) => failure !== undefined)
  return failures.length === reasons.length && failures.every(({ logLevel }) => logLevel === 'info')
}

function wordsOf({ reasons }: LinkStatus): string {
  return reasons.join('\n').replace(/\d+ of \d+ connections lacking|no connection/, '')
}
