/** The connection of one node to one server, both ends of it. */
import type { ProcessTurns } from '../process-turns.ts'
import { Pipe, type PipePorts } from './pipe.ts'

/** The node at the end of a line. Each is called as an event of its own. */
export interface LineOwner {
  readonly node: string
  readonly process: ProcessTurns
  /** A message of the bus, or that a register was written. */
  received(message: BusMessage): void
  /** The other end is gone, and says so. */
  lineEnded(line: Line): void
  /** Nothing comes from the server, or goes there, though nobody says so; or it does again. */
  lineSilent(line: Line, isSilent: boolean): void
}

/** What goes over the bus: to all nodes, or to one. */
export type BusMessage = {
  readonly fromNode: string
  readonly fromBoot: string
  readonly to: string | undefined
  /** `registers`: that one was written, and its sequence. */
  readonly channel: string
  readonly payload: Uint8Array
  /** When a server passed it on; who began to listen later does not hear it. */
  passedMs: number
}

/** What was sent before its sender gave up may still come, up to so long after. */
const SILENCE_MS_MAX = 60_000

export class Line {
  readonly owner: LineOwner
  readonly server: number
  readonly up: Pipe
  readonly down: Pipe
  /** From when on the other servers know what is listened to here. */
  knownElsewhereMs = Number.POSITIVE_INFINITY
  readonly #ports: Omit<PipePorts, 'silenceMsMax'>
  /** By the node. */
  #isHeld = true
  #isSilent = false

  constructor(owner: LineOwner, server: number, ports: Omit<PipePorts, 'silenceMsMax'>) {
    this.owner = owner
    this.server = server
    this.#ports = ports
    this.up = new Pipe({ ...ports, silenceMsMax: SILENCE_MS_MAX })
    this.down = new Pipe({ ...ports, silenceMsMax: SILENCE_MS_MAX })
  }

  get isHeld(): boolean {
    return this.#isHeld
  }

  setSilent(up: boolean, down: boolean): void {
    this.up.setSilent(up)
    this.down.setSilent(down)
    const isSilent = up || down
    if (this.#isSilent === isSilent) return
    this.#isSilent = isSilent
    this.#ports.time.after(0, () => {
      if (this.#isHeld) this.owner.process.turn(() => this.#isHeld && this.owner.lineSilent(this, this.#isSilent))
    })
  }

  /** The server's end is gone. In a silence the node is not told, and finds out by itself. */
  reset(cause: 'network' | 'server'): void {
    this.up.reset(cause === 'server' ? 'at_once' : 'soon')
    this.down.reset('soon')
    if (this.#isSilent) return
    const { time, latencyMs } = this.#ports
    time.after(latencyMs(), () => {
      if (this.#isHeld) this.owner.process.turn(() => this.#isHeld && this.owner.lineEnded(this))
    })
  }

  /** The node closes its end. What it sent goes on, but for what a kernel may give up in a silence. */
  letGo(): void {
    this.#isHeld = false
    if (this.#isSilent && this.#ports.random.chance(0.5)) this.up.reset('at_once')
  }
}
