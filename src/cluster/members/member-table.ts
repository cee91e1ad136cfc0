/**
 * Who else is a member, as one node sees it: each process that was heard of within the TTL, by the observer's own steady clock. Of
 * several processes of one name the newest that was seen counts, and those before it are not believed while it is heard.
 */
import type { Sender } from '../coordination.ts'
import type { Announcement } from './announcement.ts'

export type Member = Sender &
  Pick<Announcement, 'startedAtMs' | 'host' | 'pid' | 'version' | 'slot' | 'listeners'> & { readonly isSelf: boolean }

export type MemberChange =
  /** Heard for the first time, or again after it was gone for good. */
  | { readonly type: 'joined'; readonly member: Member }
  /** It said goodbye. */
  | { readonly type: 'left'; readonly member: Member }
  /** Nothing was heard of it for the TTL. */
  | { readonly type: 'lost'; readonly member: Member }
  /** The same process as before it was lost. */
  | { readonly type: 'returned'; readonly member: Member }
  /** Another process of a name that was a member. */
  | { readonly type: 'restarted'; readonly member: Member; readonly previousBoot: string }

type Entry = {
  member: Member
  heardAtMs: number
  isLost: boolean
  /** Processes of this name whose place another took, newest last. */
  readonly superseded: string[]
}

/** More names than any cluster has: what comes beyond is refused, so that memory stays bounded whatever is sent. */
export const MEMBERS_MAX = 1_000
const SUPERSEDED_MAX = 8
/** How long a lost one is remembered, so that its return is told apart from a new start, milliseconds. */
const LOST_KEPT_MS = 3_600_000

export class MemberTable {
  readonly #ttlMs: number
  readonly #entries = new Map<string, Entry>()

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs
  }

  /** The others that are members now. */
  *present(): Generator<Member> {
    for (const { member, isLost } of this.#entries.values()) if (!isLost) yield member
  }

  get(node: string): Member | undefined {
    const entry = this.#entries.get(node)
    return entry === undefined || entry.isLost ? undefined : entry.member
  }

  /** How long nothing was heard of it, milliseconds. */
  silentMs(node: string, nowMs: number): number {
    return nowMs - (this.#entries.get(node)?.heardAtMs ?? nowMs)
  }

  /** Those that were lost and may still return. */
  *lost(): Generator<Member> {
    for (const { member, isLost } of this.#entries.values()) if (isLost) yield member
  }

  /** As many as can be are members, or were of late. */
  get isFull(): boolean {
    return this.#entries.size >= MEMBERS_MAX
  }

  /** A member speaks. `undefined` if that is no news. */
  heard(member: Member, nowMs: number): MemberChange | undefined {
    const entry = this.#entries.get(member.node)
    if (entry === undefined) return this.#add(member, nowMs)
    if (entry.member.boot === member.boot) return this.#renew(entry, member, nowMs)
    if (!entry.isLost && entry.superseded.includes(member.boot)) return undefined
    const previousBoot = entry.member.boot
    entry.superseded.push(previousBoot)
    if (entry.superseded.length > SUPERSEDED_MAX) entry.superseded.shift()
    this.#renew(entry, member, nowMs)
    return { type: 'restarted', member, previousBoot }
  }

  #add(member: Member, nowMs: number): MemberChange | undefined {
    if (this.isFull && !this.#forgetOneLost()) return undefined
    this.#entries.set(member.node, { member, heardAtMs: nowMs, isLost: false, superseded: [] })
    return { type: 'joined', member }
  }

  #forgetOneLost(): boolean {
    for (const [node, { isLost }] of this.#entries) if (isLost) return this.#entries.delete(node)
    return false
  }

  #renew(entry: Entry, member: Member, nowMs: number): MemberChange | undefined {
    const wasLost = entry.isLost
    entry.member = member
    entry.heardAtMs = nowMs
    entry.isLost = false
    return wasLost ? { type: 'returned', member } : undefined
  }

  /** `undefined` if that process was no member. */
  left({ node, boot }: Sender): MemberChange | undefined {
    const entry = this.#entries.get(node)
    if (entry === undefined || entry.member.boot !== boot) return undefined
    this.#entries.delete(node)
    return entry.isLost ? undefined : { type: 'left', member: entry.member }
  }

  /** Those that were silent for the TTL. */
  expire(nowMs: number): MemberChange[] {
    const changes: MemberChange[] = []
    for (const [node, entry] of this.#entries) {
      const silentMs = nowMs - entry.heardAtMs
      if (!entry.isLost && silentMs >= this.#ttlMs) {
        entry.isLost = true
        changes.push({ type: 'lost', member: entry.member })
      } else if (entry.isLost && silentMs >= LOST_KEPT_MS) this.#entries.delete(node)
    }
    return changes
  }

  /** When the next one is to expire if nothing is heard of it; `undefined` if nobody is there. */
  get nextExpiryMs(): number | undefined {
    let next: number | undefined
    for (const { heardAtMs, isLost } of this.#entries.values()) {
      if (!isLost && (next === undefined || heardAtMs < next)) next = heardAtMs
    }
    return next === undefined ? undefined : next + this.#ttlMs
  }

  /** It was we who could not hear: everybody has a TTL from now on to be heard of. */
  refresh(nowMs: number): void {
    for (const entry of this.#entries.values()) if (!entry.isLost) entry.heardAtMs = nowMs
  }
}
