/** A process at the receiving end of a native link: a gate, and a broker that has safe what it was given when its disk says so. */
import { LinkGate } from '../../src/link/inbound/link-gate.ts'
import type { BatchVerdict } from '../../src/link/broker-port.ts'
import type { InboundMarks, MarksToKeep } from '../../src/link/inbound/inbound-ports.ts'
import type { KeptMarks } from '../../src/lanes/high-water-marks.ts'
import { PublishView } from '../../src/packets/publish-view.ts'
import type { BenchClient } from '../link/inbound/gate-bench.ts'
import { linkTo } from '../link/inbound/gate-bench.ts'

/** What outlives the process: of a durable link. */
export type SinkDisk = { marks: KeptMarks | undefined; readonly texts: string[] }

/** Of one process of it. */
export class CrossingSink {
  readonly gate: LinkGate
  /** What the broker was given, in order. */
  readonly given: string[] = []
  readonly #disk: SinkDisk
  readonly #found: KeptMarks | undefined
  #source: MarksToKeep | undefined
  /** How much of what was given is on the disk. */
  #kept = 0
  readonly #view = new PublishView()

  constructor(disk: SinkDisk, isDurable: boolean, boot: string) {
    this.#disk = disk
    this.#found = disk.marks
    const link = { ...linkTo('far'), durable: isDurable }
    const keptMarks: InboundMarks = {
      claim: () => this.#found,
      keep: (_link, _node, source) => {
        this.#source = source
        return { touch: () => undefined }
      },
      forget: () => undefined,
    }
    this.gate = new LinkGate({
      localCluster: 'here',
      self: { node: 'h1', boot },
      clock: { nowMs: () => 0, after: () => ({ cancel: () => undefined }) },
      broker: { addRoute: () => undefined, removeRoute: () => undefined, deliver: () => 1 },
      link: (peer) => (peer === 'far' ? link : undefined),
      links: () => ['far'],
      sinkOf: () => undefined,
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined },
      changed: () => undefined,
      ...(isDurable ? { keptMarks: () => keptMarks } : {}),
    })
    this.gate.linksChanged()
  }

  get hasUnsafe(): boolean {
    return this.#kept < this.given.length
  }

  /** What was given and what was taken go to the disk together. */
  keep(): void {
    this.#disk.texts.push(...this.given.slice(this.#kept))
    this.#kept = this.given.length
    this.#disk.marks = this.#source?.kept()
  }

  /** Returns what becomes of it: a number is the reason code of its PUBACK. @param isMutated whether what came before is taken again */
  take(client: BenchClient, frame: Buffer, isMutated: boolean): 'taken' | 'again' | number {
    // What is taken is read where it lies, and the frame may come again.
    const verdict: BatchVerdict | undefined = this.gate.batch(client, '$LINK/cluster/msg/far', Buffer.from(frame), 1)
    if (typeof verdict === 'number') return verdict
    if (verdict === undefined) throw new Error('it is no batch')
    if ('type' in verdict) {
      if (isMutated) this.given.push(...this.given.slice(-1))
      return 'again'
    }
    verdict.begin()
    while (verdict.next(this.#view)) {
      if (!verdict.admits('t')) continue
      const { buffer, payloadStart, end } = this.#view
      this.given.push(buffer.toString('utf8', payloadStart, end))
    }
    return 'taken'
  }

  /** Of what was given: so many may have come before. */
  get maybeDuplicate(): number {
    return this.gate.inboundStatus('far')?.messages.maybe_duplicate ?? 0
  }
}
