/**
 * Who guesses passwords is shut out for a while: failures per address, within a window that opens at the first of them.
 * Pure: time is an argument, by a clock that is never set back.
 */
import type { FailedLoginsConfig } from '../../../config/authentication/authentication-config.ts'

/** Addresses that are remembered; beyond them the one that failed longest ago is forgotten. */
export const ADDRESSES_MAX = 10_000

type Record = { failures: number; readonly sinceMs: number; bannedUntilMs: number }

export class FailedLogins {
  #limits: FailedLoginsConfig
  readonly #addressesMax: number
  /** By address, that which failed longest ago first. */
  readonly #records = new Map<string, Record>()

  constructor(limits: FailedLoginsConfig, addressesMax = ADDRESSES_MAX) {
    this.#limits = limits
    this.#addressesMax = addressesMax
  }

  /** New limits count from the next failure on; switched off, nobody is shut out any longer. */
  configure(limits: FailedLoginsConfig): void {
    this.#limits = limits
    if (!limits.enable) this.#records.clear()
  }

  get addressCount(): number {
    return this.#records.size
  }

  isBanned(peerHost: string, nowMs: number): boolean {
    const record = this.#records.get(addressKey(peerHost))
    return record !== undefined && nowMs < record.bannedUntilMs
  }

  /** Returns whether this failure is the one that shuts the address out. */
  failed(peerHost: string, nowMs: number): boolean {
    const { enable, max_count, window_time, ban_time } = this.#limits
    if (!enable) return false
    const key = addressKey(peerHost)
    const known = this.#records.get(key)
    // What was still under way when the address was shut out neither prolongs nor repeats it.
    if (known !== undefined && nowMs < known.bannedUntilMs) return false
    const counts = known !== undefined && known.bannedUntilMs === 0 && nowMs - known.sinceMs < window_time
    const record = counts ? known : { failures: 0, sinceMs: nowMs, bannedUntilMs: 0 }
    record.failures++
    const isBanned = record.failures >= max_count
    if (isBanned) record.bannedUntilMs = nowMs + ban_time
    this.#records.delete(key)
    this.#records.set(key, record)
    if (this.#records.size > this.#addressesMax) this.#records.delete(this.#records.keys().next().value!)
    return isBanned
  }

  succeeded(peerHost: string): void {
    this.#records.delete(addressKey(peerHost))
  }
}

/** An IPv4 address as it is, of an IPv6 address its network of 64 bits: one customer has at least so many addresses. */
export function addressKey(peerHost: string): string {
  if (!peerHost.includes(':')) return peerHost
  const [address = ''] = peerHost.split('%')
  const [head = '', tail] = address.split('::')
  const before = groupsOf(head)
  const after = tail === undefined ? [] : groupsOf(tail)
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after]
  return `${groups
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}

/** An IPv4 address within one of IPv6 takes the place of two groups; which they are does not matter here. */
function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':').flatMap((group) => (group.includes('.') ? ['0', '0'] : [group]))
}
