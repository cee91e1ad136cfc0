/** Rights to speak, shared by the nodes of a made-up cluster: whoever holds one keeps it until it is released or taken away. */
import type { Speaking, SpeakingRight } from '../../src/link/speaking.ts'

type State = SpeakingRight['state']

export class FakeLeases {
  /** By link, in the order in which they asked. */
  readonly #claims = new Map<string, FakeRight[]>()
  readonly #holders = new Map<string, FakeRight>()
  #lastIncarnation = 1_000
  /** Nobody answers: nothing is taken over, and nobody can say whose a right is. */
  lost = false
  /** All incarnations that are on record were used. */
  exhausted = false

  /** The leases as one node sees them. */
  of(node: string): Speaking {
    return {
      contest: (link) => {
        const right = new FakeRight(this, link, node)
        this.#claims.set(link, [...(this.#claims.get(link) ?? []), right])
        this.#elect(link)
        return right
      },
    }
  }

  holderOf(link: string): string | undefined {
    return this.#holders.get(link)?.node
  }

  contestants(link: string): string[] {
    return (this.#claims.get(link) ?? []).map(({ node }) => node)
  }

  /** Another node takes the right over, as when its holder did not renew it. Nobody tells a holder that is frozen. */
  move(link: string, to: string): void {
    const next = this.#claims.get(link)?.find(({ node }) => node === to)
    if (next === undefined) throw new Error(`${to} does not contest ${link}`)
    this.#holders.set(link, next)
    this.tellAll(link)
  }

  /** The holder can't renew its right, or can again. */
  lapse(link: string, state: 'lapsed' | 'holder'): void {
    this.#holders.get(link)?.become(state, this.holderOf(link))
  }

  freeze(link: string, node: string, isFrozen: boolean): void {
    for (const right of this.#claims.get(link) ?? []) if (right.node === node) right.isFrozen = isFrozen
  }

  nextIncarnation(): number {
    if (this.exhausted) throw new Error('no incarnation is left')
    this.#lastIncarnation += 1
    return this.#lastIncarnation
  }

  leave(right: FakeRight): void {
    const left = (this.#claims.get(right.link) ?? []).filter((other) => other !== right)
    this.#claims.set(right.link, left)
    if (this.#holders.get(right.link) === right) this.#holders.delete(right.link)
    this.#elect(right.link)
  }

  tellAll(link: string): void {
    for (const right of this.#claims.get(link) ?? []) this.tell(right)
  }

  tell(right: FakeRight): void {
    if (!right.isFrozen)
      right.become(this.#holders.get(right.link) === right ? 'holder' : 'follower', this.holderOf(right.link))
  }

  #elect(link: string): void {
    const first = this.#claims.get(link)?.[0]
    if (!this.lost && !this.#holders.has(link) && first !== undefined) this.#holders.set(link, first)
    this.tellAll(link)
  }
}

class FakeRight implements SpeakingRight {
  readonly link: string
  readonly node: string
  state: State = 'candidate'
  holder: string | undefined
  /** Hears of nothing, as a process that is stopped. */
  isFrozen = false
  readonly #leases: FakeLeases
  readonly #listeners = new Set<() => void>()

  constructor(leases: FakeLeases, link: string, node: string) {
    this.#leases = leases
    this.link = link
    this.node = node
  }

  become(state: State, holder: string | undefined): void {
    if (state === this.state && holder === this.holder) return
    this.state = state
    this.holder = holder
    for (const listener of this.#listeners) listener()
  }

  nextIncarnation(): number {
    if (this.state !== 'holder' && this.state !== 'lapsed') throw new Error(`${this.node} does not hold ${this.link}`)
    return this.#leases.nextIncarnation()
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async reread(): Promise<void> {
    if (this.#leases.lost) throw new Error('nobody answers')
    this.isFrozen = false
    this.#leases.tell(this)
  }

  async release(): Promise<void> {
    this.#leases.leave(this)
  }
}
