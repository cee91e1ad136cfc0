/** The way from one host to another, in this direction: how long it takes, and what stands in it. */
import { type Latency, NEAR } from './latency.ts'
import type { Pipe } from './pipe.ts'

export type CutKind = 'reset' | 'vanish'

/** A machine: it keeps its name when the process on it is another. */
export class Host {
  readonly name: string
  /** Without power: what is sent to it is not heard. */
  isDown = false

  constructor(name: string) {
    this.name = name
  }
}

export class Path {
  readonly from: Host
  readonly to: Host
  latency: Latency = NEAR
  /** Whose bytes go this way. */
  readonly pipes = new Set<Pipe>()
  /** Connections that are dialled here are made twice, while this is above 0. */
  echoes = 0
  #vanishes = 0
  #resets = 0

  constructor(from: Host, to: Host) {
    this.from = from
    this.to = to
  }

  /** Nothing that is sent here arrives. */
  get isSilent(): boolean {
    return this.#vanishes > 0 || this.to.isDown
  }

  /** What is sent here is answered with a reset. */
  get isRejecting(): boolean {
    return this.#resets > 0
  }

  cut(kind: CutKind): void {
    if (kind === 'reset') this.#resets += 1
    else this.#vanishes += 1
  }

  /** Takes away one cut of this kind. */
  mend(kind: CutKind): void {
    if (kind === 'reset') this.#resets -= 1
    else this.#vanishes -= 1
  }
}
