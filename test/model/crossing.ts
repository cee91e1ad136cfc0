/**
 * The messages of a native link: an outbox, a connection that is cut and made again, a gate; processes that end and have on their disks
 * what was written last.
 *
 * Real: `Outbox` with its batches and lanes, `Ledger`, `LaneForwarder` with its window, and the gate with `SenderMarks` and the account
 * of what came. Made up: the connection, both disks, and the broker that is given the messages.
 */
import { imbalance, Ledger, type LedgerSnapshot } from '../../src/lanes/ledger.ts'
import type { BatchKeeper, KeptBatch, OutboxBatch } from '../../src/lanes/outbox/outbox-batch.ts'
import { Outbox } from '../../src/lanes/outbox/outbox.ts'
import type { LinkConnection, OutgoingPublish } from '../../src/link/connection.ts'
import { BacklogMeter } from '../../src/link/native/backlog-meter.ts'
import { encodeGreeting, ourGreeting } from '../../src/link/native/greeting.ts'
import { LaneForwarder } from '../../src/link/native/lane-forwarder.ts'
import { messageOf, plain } from '../lanes/lane-messages.ts'
import { BenchClient } from '../link/inbound/gate-bench.ts'
import { ManualClock } from '../link/manual-clock.ts'
import { CrossingSink, type SinkDisk } from './crossing-sink.ts'
import type { System } from './explore.ts'

/** By which nothing here is decided. */
const wallMs = 1_790_000_000_000

export type CrossingScope = {
  readonly messages: number
  /** Batches that may be unacknowledged. */
  readonly window: number
  readonly cuts: number
  /** Ends of either process. */
  readonly restarts: number
  /** Whether the link is durable: then what is on a disk outlives its process. */
  readonly durable: boolean
  /** A planted fault: duplicates are taken; a PUBACK before all is safe; what flies when the connection is cut counts as delivered. */
  readonly mutation?: 'dedup_off' | 'early_ack' | 'cut_delivers'
}

/** A connection on which the other end answers when it is let. */
class Wire implements LinkConnection {
  writable = true
  readonly frames: { readonly bytes: Buffer; readonly answered: (reasonCode: number) => void }[] = []
  unanswered = 0

  publish({ payload }: OutgoingPublish, answered?: (reasonCode: number) => void): void {
    this.unanswered += 1
    const once = (reasonCode: number): void => {
      this.unanswered -= 1
      answered?.(reasonCode)
    }
    // What the sender keeps it marks anew when it sends it again.
    this.frames.push({ bytes: Buffer.from(payload), answered: once })
  }

  subscribe(): void {}
  ping(): void {}
  close(): void {}
}

type SourceDisk = { readonly batches: Map<number, Buffer>; ledger: LedgerSnapshot | undefined; taken: number }

export class CrossingWorld {
  readonly #scope: CrossingScope
  readonly #clock = new ManualClock()
  readonly #sourceDisk: SourceDisk = { batches: new Map(), ledger: undefined, taken: 0 }
  readonly #sinkDisk: SinkDisk = { marks: undefined, texts: [] }
  #pending = new Map<number, OutboxBatch>()
  #gone: number[] = []
  #outbox: Outbox
  #forwarder: LaneForwarder | undefined
  #wire: Wire | undefined
  /** Whose frames still arrive, though the sender has given it up. */
  #former: Wire | undefined
  #client = new BenchClient('far-f1')
  #sink: CrossingSink
  /** To be acknowledged when what came before is safe. */
  #owed: (() => void)[] = []
  /** On their way to the sender. */
  #answers: (() => void)[] = []
  #messages = 0
  /** Published to a process of the source that lives on, or on its disk. */
  #due: string[] = []
  #cuts = 0
  #restarts = 0
  #epoch = 1
  /** What former processes of the sink said of messages that may have come before. */
  #maybeBefore = 0
  #broken: string | undefined

  constructor(scope: CrossingScope) {
    this.#scope = scope
    this.#outbox = this.#newOutbox()
    this.#sink = new CrossingSink(this.#sinkDisk, scope.durable, 'h0')
    this.#connect()
  }

  #newOutbox(): Outbox {
    const keeper: BatchKeeper = {
      keep: (batch) => void this.#pending.set(batch.id, batch),
      forget: ({ id }) => {
        this.#pending.delete(id)
        this.#gone.push(id)
      },
    }
    return new Outbox({
      epoch: this.#epoch,
      // Each message is a batch of its own.
      limits: { bytesMax: 1_000_000, countMax: 64, ageMsMax: Number.POSITIVE_INFINITY },
      overflow: 'drop_newest',
      keeper: this.#scope.durable ? keeper : undefined,
      ledger: new Ledger(this.#sourceDisk.ledger),
    })
  }

  actions(): string[] {
    const { messages, cuts, restarts, durable } = this.#scope
    const found: string[] = []
    if (this.#messages < messages) found.push('p publishes', 'q publishes')
    const hasNews = this.#outbox.hasOpen || this.#pending.size > 0 || this.#gone.length > 0
    if (durable && hasNews) found.push('the disk of the source writes')
    if (this.#wire === undefined) found.push('they connect')
    else if (this.#cuts < cuts) found.push('the connection is cut')
    if ((this.#wire ?? this.#former)?.frames.length) found.push('the next batch arrives')
    if (this.#sink.hasUnsafe || this.#owed.length > 0) found.push('what came is safe')
    if (this.#answers.length > 0) found.push('the next PUBACK arrives')
    if (this.#restarts < restarts) found.push('the source starts anew', 'the sink starts anew')
    return found
  }

  perform(action: string): void {
    if (action.endsWith('publishes')) this.#publish(action.charAt(0))
    else if (action === 'the disk of the source writes') this.#write()
    else if (action === 'they connect') this.#connect()
    else if (action === 'the connection is cut') {
      this.#cuts += 1
      this.#cut()
    } else if (action === 'the next batch arrives') this.#arrive()
    else if (action === 'what came is safe') this.#keep()
    else if (action === 'the next PUBACK arrives') this.#answers.shift()?.()
    else if (action === 'the source starts anew') this.#restartSource()
    else this.#restartSink()
    // The forwarder is pumped in each turn, and what steps aside for live messages goes on after a while.
    this.#forwarder?.pump()
    this.#clock.advance(1_000)
    this.#look()
  }

  #publish(from: string): void {
    this.#messages += 1
    const text = `${from}${this.#messages}`
    const message = messageOf(text, 1, { clientId: from, username: undefined, peerHost: undefined }, wallMs)
    const taken = this.#outbox.accept(message, plain, this.#clock.steadyMs(), wallMs)
    if (taken !== 'taken') this.#broken ??= `a message is ${taken}`
    this.#due.push(text)
  }

  /** All batches are sealed first, so that what is counted and what is written are of one moment. */
  #write(): void {
    this.#outbox.seal()
    const { batches } = this.#sourceDisk
    for (const id of this.#gone) batches.delete(id)
    const written = [...this.#pending.values()]
    for (const batch of written) batches.set(batch.id, Buffer.from(batch.frame))
    this.#sourceDisk.ledger = this.#outbox.ledger.snapshot()
    this.#sourceDisk.taken = this.#due.length
    this.#pending = new Map()
    this.#gone = []
    for (const batch of written) this.#outbox.kept(batch)
  }

  #connect(): void {
    this.#former = undefined
    this.#answers = []
    this.#owed = []
    this.#sink.gate.closed(this.#client)
    this.#client = new BenchClient('far-f1')
    const { unusedEpoch } = this.#outbox
    const greeting = encodeGreeting({ ...ourGreeting('far', 'f1', 'fedcba9876543210'), unusedEpoch })
    if (typeof this.#sink.gate.greet(this.#client, greeting) !== 'string') throw new Error('it is not greeted')
    this.#wire = new Wire()
    const { window: receiveMaximum } = this.#scope
    this.#outbox.connected()
    this.#forwarder = new LaneForwarder({
      outbox: this.#outbox,
      connection: this.#wire,
      limits: { receiveMaximum, packetBytesMax: Number.POSITIVE_INFINITY, qosMax: 2 },
      topic: '$LINK/cluster/msg/far',
      clock: {
        nowMs: () => wallMs,
        steadyMs: () => this.#clock.steadyMs(),
        after: (ms, call) => this.#clock.after(ms, call),
      },
      ackMs: Number.MAX_SAFE_INTEGER,
      deflate: () => undefined,
      isShortened: false,
      meter: new BacklogMeter(),
      left: () => undefined,
      gaveUp: ({ reason }) => (this.#broken ??= `the connection is given up: ${reason}`),
    })
    this.#forwarder.pump()
  }

  #cut(): void {
    if (this.#scope.mutation === 'cut_delivers')
      for (const { answered } of this.#wire?.frames.slice() ?? []) answered(0)
    this.#forwarder?.close()
    this.#forwarder = undefined
    this.#former = this.#wire
    this.#wire = undefined
    this.#answers = []
    this.#outbox.disconnected()
  }

  #arrive(): void {
    const wire = this.#wire ?? this.#former
    const frame = wire?.frames.shift()
    if (frame === undefined) return
    const taken = this.#sink.take(this.#client, frame.bytes, this.#scope.mutation === 'dedup_off')
    const answer = (): void => void this.#answers.push(() => frame.answered(typeof taken === 'number' ? taken : 0))
    if (wire === this.#former) return
    if (typeof taken === 'number' || this.#scope.mutation === 'early_ack') answer()
    else this.#owed.push(answer)
  }

  #keep(): void {
    this.#sink.keep()
    for (const answer of this.#owed.splice(0)) answer()
  }

  #restartSource(): void {
    this.#restarts += 1
    if (this.#wire !== undefined) this.#cut()
    const { durable } = this.#scope
    this.#due = durable ? this.#due.slice(0, this.#sourceDisk.taken) : []
    this.#pending = new Map()
    this.#gone = []
    this.#epoch += 1
    this.#outbox = this.#newOutbox()
    if (!durable) return
    const kept: KeptBatch[] = Array.from(this.#sourceDisk.batches, ([id, frame]) => ({ id, frame: Buffer.from(frame) }))
    const refused = this.#outbox.restore(kept, this.#clock.steadyMs(), wallMs)
    if (refused.length > 0) this.#broken ??= 'what was kept can not be read'
  }

  #restartSink(): void {
    this.#restarts += 1
    if (this.#wire !== undefined) this.#cut()
    this.#former = undefined
    this.#owed = []
    this.#maybeBefore += this.#sink.maybeDuplicate
    this.#client = new BenchClient('far-f1')
    this.#sink = new CrossingSink(this.#sinkDisk, this.#scope.durable, `h${this.#restarts}`)
  }

  #look(): void {
    const balance = imbalance(this.#outbox.ledger.snapshot())
    if (balance !== 0) this.#broken ??= `the ledger is out of balance by ${balance}`
    if ((this.#wire?.unanswered ?? 0) > this.#scope.window) this.#broken ??= 'more batches fly than may'
    this.#lookAtGiven()
  }

  /** Once each, but for as many as are said to have come before perhaps, and in the order of each publisher. */
  #lookAtGiven(): void {
    const { given, maybeDuplicate } = this.#sink
    const seen = new Set<string>()
    const last = new Map<string, number>()
    let doubled = 0
    for (const text of given) {
      if (seen.has(text)) doubled += 1
      seen.add(text)
      const [from, number] = [text.charAt(0), Number(text.slice(1))]
      const before = last.get(from) ?? 0
      // What comes again may come with all that followed it.
      if (number < before && doubled === 0) this.#broken ??= `${text} comes after ${from}${before}`
      last.set(from, Math.max(number, before))
    }
    if (doubled > maybeDuplicate) this.#broken ??= `${doubled} come twice, and ${maybeDuplicate} are said to`
    const kept = this.#sinkDisk.texts
    const doubledOnDisk = kept.length - new Set(kept).size
    const said = this.#maybeBefore + maybeDuplicate
    if (this.#scope.durable && doubledOnDisk > said)
      this.#broken ??= `${doubledOnDisk} are on the disk twice, and ${said} are said to be`
  }

  broken(): string | undefined {
    return this.#broken
  }

  key(): string {
    const frames = [this.#wire, this.#former].map((wire) => wire?.frames.map(({ bytes }) => bytes.toString('latin1')))
    const counts = [this.#messages, this.#cuts, this.#restarts, this.#owed.length, this.#answers.length]
    const { batches, ledger, taken } = this.#sourceDisk
    const written = Array.from(batches, ([id, frame]) => [id, frame.toString('latin1')])
    const unwritten = Array.from(this.#pending.values(), ({ id, frame }) => [id, frame.toString('latin1')])
    const disks = [written, unwritten, ledger, taken, this.#sinkDisk]
    const marks = Array.from(this.#sink.gate.marksOf('far'))
    const ends = [this.#outbox.ledger.snapshot(), this.#outbox.lanes(), this.#due, this.#wire?.unanswered, this.#gone]
    const sink = [this.#maybeBefore, this.#sink.given, this.#sink.hasUnsafe, this.#sink.maybeDuplicate, marks]
    const now = JSON.stringify([frames, counts, disks, ends, sink])
    return `${now} ${this.#future()}`
  }

  #future(): string {
    const before = this.#sink.given.length
    const words = this.settle()
    return `${words} ${this.#sink.given.slice(before).join()}`
  }

  /** Nothing is cut any more: what was taken arrives, and the ledger says so. */
  settle(): string | undefined {
    for (let round = 0; round < 40; round += 1) {
      if (this.#wire === undefined) this.#connect()
      if (this.#scope.durable) this.#write()
      this.#forwarder?.pump()
      this.#clock.advance(1_000)
      while (this.#wire?.frames.length) this.#arrive()
      this.#keep()
      while (this.#answers.length > 0) this.#answers.shift()?.()
      if (this.#outbox.count === 0) break
    }
    this.#look()
    const { queued, inflight } = this.#outbox.ledger.snapshot()
    if (queued + inflight > 0) return `${queued} wait and ${inflight} fly for ever`
    const lost = this.#due.find((text) => !this.#sinkDisk.texts.includes(text))
    return this.#broken ?? (lost === undefined ? undefined : `${lost} is lost`)
  }
}

export function crossing(scope: CrossingScope): System<CrossingWorld> {
  return {
    start: () => new CrossingWorld(scope),
    actions: (world) => world.actions(),
    perform: (world, action) => world.perform(action),
    broken: (world) => world.broken(),
    key: (world) => world.key(),
    settle: (world) => world.settle(),
  }
}
