/**
 * The part of one link in the contest for who speaks to its peer: contests, gives way to others for a while, and gives up.
 * Of a node alone it says at every time that it speaks.
 */
import type { Random } from './backoff.ts'
import type { LinkClock } from './link-clock.ts'
import type { LinkLog } from './link-log.ts'
import { sameSpeaking, speakingFact, type Speaking, type SpeakingFact, type SpeakingRight } from './speaking.ts'

export type SpeakingClaimPorts = {
  readonly clock: LinkClock
  readonly random: Random
  readonly log: LinkLog
  readonly speaking?: Speaking
  /** For a node alone. */
  readonly nextIncarnation: (peer: string) => number
}

/** How long we stay out of the contest after we gave way, milliseconds: others are quicker, but none may be there. */
const outMsMin = 1_000

const nobody: SpeakingFact = { state: 'follower', holder: undefined }

export class SpeakingClaim {
  readonly #link: string
  readonly #ports: SpeakingClaimPorts
  readonly #changed: () => void
  #right: SpeakingRight | undefined
  #stopListening: (() => void) | undefined
  #return: { cancel(): void } | undefined
  /** As it was told last. */
  #fact: SpeakingFact

  /** @param changed `fact` is another one now, other than by a call from outside */
  constructor(link: string, ports: SpeakingClaimPorts, changed: () => void) {
    this.#link = link
    this.#ports = ports
    this.#changed = changed
    this.#fact = ports.speaking === undefined ? { state: 'alone' } : nobody
  }

  get fact(): SpeakingFact {
    return this.#fact
  }

  /** Harmless if the claim stands already. */
  contest(): void {
    const { speaking } = this.#ports
    if (speaking === undefined || this.#right !== undefined) return
    this.#return?.cancel()
    const right = speaking.contest(this.#link)
    this.#right = right
    this.#fact = speakingFact(right)
    this.#stopListening = right.onChange(() => this.#look())
  }

  /** Leaves the contest, and comes back to it after a while. */
  giveWay(): void {
    const { clock, random } = this.#ports
    this.release()
    this.#return = clock.after(outMsMin * (1 + random()), () => {
      this.contest()
      this.#changed()
    })
  }

  release(): void {
    this.#return?.cancel()
    this.#return = undefined
    const right = this.#right
    if (right === undefined) return
    this.#stopListening?.()
    this.#stopListening = undefined
    this.#right = undefined
    this.#fact = nobody
    // If nobody hears that we give it up, it runs out.
    right.release().catch((error: unknown) => {
      this.#ports.log.debug({ link: this.#link, err: error }, 'cluster_link_speaking_release_failed')
    })
  }

  /** Resolves when `fact` says whose the right is, and rejects if that can't be known now. */
  async reread(): Promise<void> {
    if (this.#right?.reread === undefined) throw new Error('nobody knows whose it is to speak')
    await this.#right.reread()
  }

  nextIncarnation(): number {
    return this.#right === undefined ? this.#ports.nextIncarnation(this.#link) : this.#right.nextIncarnation()
  }

  #look(): void {
    const fact = speakingFact(this.#right)
    if (sameSpeaking(fact, this.#fact)) return
    this.#fact = fact
    this.#changed()
  }
}
