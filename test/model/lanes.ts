/**
 * A lane between two nodes of a cluster: a sender and a receiver over a bus that loses, repeats and reorders, while either process ends
 * and another takes its place.
 *
 * Real: `LaneSender`, `LaneReceiver`, and the frames between them. Made up: the bus, and the moment at which what was received is safe.
 */
import { readLaneFrame, writeAck } from '../../src/lanes/batches/lane-frame.ts'
import { readBatch } from '../../src/lanes/batches/read-batch.ts'
import { LaneReceiver } from '../../src/lanes/lane-receiver.ts'
import { LaneSender, PROBE_MS } from '../../src/lanes/lane-sender.ts'
import type { LaneLimits } from '../../src/lanes/send-buffer.ts'
import { messageOf, plain, somebody, textOf } from '../lanes/lane-messages.ts'
import type { System } from './explore.ts'

export type LanesScope = {
  readonly messages: number
  /** Batches that may fly. */
  readonly window: number
  /** Frames lost, repeated or overtaken, and connections lost, all together. */
  readonly faults: number
  /** Ends of either process. */
  readonly restarts: number
  /** Times that half a second goes by. */
  readonly waits: number
  /** A planted fault. */
  readonly mutation?: 'dedup_off' | 'unsafe_ack' | 'out_of_turn'
}

type Frame = { readonly from: string; readonly bytes: Buffer }

/** What a receiver was given and does not have safe yet. */
type Unsafe = {
  readonly boot: string
  readonly epoch: number
  readonly sequence: number
  readonly texts: readonly string[]
}

export class LanesWorld {
  readonly #scope: LanesScope
  readonly #limits: LaneLimits
  readonly #toReceiver: Frame[] = []
  readonly #toSender: Frame[] = []
  #sender: LaneSender
  #senderBoot = 's1'
  #receiverBoot = 'r1'
  #receivers = new Map<string, LaneReceiver>()
  #unsafe: Unsafe[] = []
  /** By process of the receiver. */
  readonly #delivered = new Map<string, string[]>([['r1', []]])
  readonly #safe = new Set<string>()
  /** By life of the sender: what it was given to send. */
  #sent: string[] = []
  #messages = 0
  #highestSent = 0
  #acknowledgedUpTo = 0
  #nowMs = 0
  #faults = 0
  #restarts = 0
  #waits = 0
  /** What the sender remembers of answers: the last, and where it went back to. */
  #lastAck = ''
  #wentBackTo = 0
  #wentBackAtMs = -1
  #askedAtMs = -1
  #broken: string | undefined

  constructor(scope: LanesScope) {
    this.#scope = scope
    this.#limits = {
      // Each message is a batch of its own.
      batchBytesMax: 1,
      frameBytesMax: 10_000,
      bufferBytesMax: 100_000,
      bufferMessagesMax: 100,
      qos0MessagesMax: 10,
      windowBytesMax: 100_000,
      windowBatchesMax: scope.window,
    }
    this.#sender = new LaneSender(1, this.#limits)
  }

  actions(): string[] {
    const { messages, faults, restarts, waits } = this.#scope
    const found: string[] = []
    if (this.#messages < messages) found.push('a message is published')
    if (this.#hasFrames) found.push('the sender sends what it may')
    if (this.#unsafe.length > 0) found.push('what came is safe')
    if (this.#waits < waits && this.#sender.isWaiting) found.push('half a second goes by')
    for (const [name, queue] of [
      ['frame', this.#toReceiver],
      ['answer', this.#toSender],
    ] as const) {
      if (queue.length > 0) found.push(`the first ${name} arrives`)
      if (this.#faults >= faults || queue.length === 0) continue
      found.push(`the first ${name} is lost`, `the first ${name} comes twice`)
      if (queue.length > 1) found.push(`the second ${name} overtakes`)
    }
    if (this.#faults < faults) found.push('the connection is lost, and is there again')
    if (this.#restarts < restarts) found.push('the receiver starts anew', 'the sender starts anew')
    return found
  }

  /** Whether there is something to send is only seen by sending it. */
  get #hasFrames(): boolean {
    return this.#messages > 0 && this.#toReceiver.length < 2 * this.#scope.window
  }

  perform(action: string): void {
    if (action === 'a message is published') this.#publish()
    else if (action === 'the sender sends what it may') this.#pump()
    else if (action === 'what came is safe') this.#keep()
    else if (action === 'half a second goes by') this.#wait()
    else if (action === 'the receiver starts anew') this.#restartReceiver()
    else if (action === 'the sender starts anew') this.#restartSender()
    else if (action.startsWith('the connection')) this.#reconnect()
    else this.#frame(action, action.includes('frame') ? this.#toReceiver : this.#toSender)
  }

  #frame(action: string, queue: Frame[]): void {
    if (!action.endsWith('arrives')) this.#faults += 1
    if (action.endsWith('twice')) queue.push(queue[0]!)
    else if (action.endsWith('lost')) queue.shift()
    else {
      const [frame] = queue.splice(action.endsWith('overtakes') ? 1 : 0, 1)
      if (frame === undefined) return
      if (queue === this.#toReceiver) this.#receive(frame)
      else this.#hear(frame)
    }
  }

  #publish(): void {
    this.#messages += 1
    const text = `${this.#senderBoot} ${this.#messages}`
    this.#sent.push(text)
    const refused = this.#sender.add(messageOf(text, 1, somebody), plain, this.#messages, this.#nowMs)
    if (refused !== undefined) this.#broken ??= `a message was refused: ${refused}`
  }

  #pump(): void {
    for (let bytes = this.#sender.next(this.#nowMs); bytes !== undefined; bytes = this.#sender.next(this.#nowMs)) {
      const frame = readLaneFrame(bytes)
      if (frame.type === 'begin') this.#askedAtMs = this.#nowMs
      if (frame.type === 'batch') this.#highestSent = Math.max(this.#highestSent, frame.sequence)
      this.#toReceiver.push({ from: this.#senderBoot, bytes })
    }
    const flying = this.#highestSent - this.#acknowledgedUpTo
    if (flying > this.#scope.window) this.#broken ??= `${flying} batches fly, of ${this.#scope.window}`
  }

  #receive({ from, bytes }: Frame): void {
    const receiver = this.#receivers.get(from) ?? new LaneReceiver(from)
    this.#receivers.set(from, receiver)
    const frame = readLaneFrame(bytes)
    if (frame.type === 'begin') {
      if (receiver.begin(frame)) this.#answer(receiver, receiver.taken < frame.last)
      return
    }
    if (frame.type !== 'batch') return
    const verdict = receiver.judge(frame.epoch, frame.sequence)
    const { mutation } = this.#scope
    const isTaken =
      verdict === 'deliver' ||
      (mutation === 'dedup_off' && verdict === 'duplicate') ||
      (mutation === 'out_of_turn' && verdict === 'missing')
    if (isTaken) this.#deliver(receiver, from, frame.epoch, frame.sequence, bytes)
    else if (verdict === 'duplicate') this.#answer(receiver, false)
    else if (verdict !== 'late' && receiver.tellMissing()) this.#answer(receiver, true)
  }

  #deliver(receiver: LaneReceiver, boot: string, epoch: number, sequence: number, bytes: Buffer): void {
    const batch = readBatch(bytes)
    if (batch.type !== 'messages') throw new Error('a batch that can not be read')
    const texts = batch.publications.map(textOf)
    this.#delivered.get(this.#receiverBoot)!.push(...texts)
    if (this.#scope.mutation === 'unsafe_ack' && receiver.keep(epoch, sequence)) this.#answer(receiver, false)
    this.#unsafe.push({ boot, epoch, sequence, texts })
    this.#lookAtOrder()
  }

  #keep(): void {
    for (const { boot, epoch, sequence, texts } of this.#unsafe.splice(0)) {
      for (const text of texts) this.#safe.add(text)
      const receiver = this.#receivers.get(boot)
      if (receiver?.keep(epoch, sequence) === true) this.#answer(receiver, false)
    }
  }

  #answer(receiver: LaneReceiver, isMissing: boolean): void {
    this.#toSender.push({ from: this.#receiverBoot, bytes: writeAck(receiver.ack(isMissing)) })
  }

  #hear({ from, bytes }: Frame): void {
    const ack = readLaneFrame(bytes)
    if (ack.type !== 'ack' || ack.boot !== this.#senderBoot) return
    this.#sender.acknowledged(ack, from, this.#nowMs)
    if (ack.kept <= this.#highestSent) this.#acknowledgedUpTo = Math.max(this.#acknowledgedUpTo, ack.kept)
    this.#lastAck = JSON.stringify([from, ack])
    // Said again at once it changes nothing, which is all that is seen of it.
    const isRepeated = ack.expected <= this.#wentBackTo && this.#wentBackAtMs === this.#nowMs
    if (ack.isMissing && ack.expected > this.#acknowledgedUpTo && !isRepeated) {
      this.#wentBackTo = ack.expected
      this.#wentBackAtMs = this.#nowMs
    }
    for (const text of this.#sent) {
      const isAcknowledged = Number(text.split(' ')[1]) < this.#sender.oldestMark
      if (isAcknowledged && !this.#safe.has(text)) this.#broken ??= `“${text}” is acknowledged, and not safe`
    }
  }

  #wait(): void {
    this.#waits += 1
    this.#nowMs += PROBE_MS
    this.#sender.tick(this.#nowMs)
  }

  #reconnect(): void {
    this.#faults += 1
    this.#toReceiver.length = this.#toSender.length = 0
    this.#sender.reconnected(this.#nowMs)
  }

  #restartReceiver(): void {
    this.#restarts += 1
    this.#receiverBoot = `r${this.#delivered.size + 1}`
    this.#delivered.set(this.#receiverBoot, [])
    this.#receivers = new Map()
    this.#unsafe = []
    // Whose frames reach nobody: a subscription is its process's.
    this.#toReceiver.length = 0
  }

  #restartSender(): void {
    this.#restarts += 1
    this.#senderBoot = `s${this.#restarts + 1}`
    this.#sender = new LaneSender(1, this.#limits)
    this.#sent = []
    this.#highestSent = this.#acknowledgedUpTo = 0
    this.#wentBackTo = 0
    this.#wentBackAtMs = this.#askedAtMs = -1
    this.#lastAck = ''
  }

  /** One process of the receiver has each message of a sender's life once, and in their order. */
  #lookAtOrder(): void {
    const last = new Map<string, number>()
    for (const text of this.#delivered.get(this.#receiverBoot)!) {
      const [boot, number] = text.split(' ') as [string, string]
      const before = last.get(boot) ?? 0
      if (Number(number) === before) this.#broken ??= `“${text}” was delivered twice`
      if (Number(number) < before) this.#broken ??= `“${text}” was delivered after message ${before}`
      last.set(boot, Number(number))
    }
  }

  broken(): string | undefined {
    const { sent, acknowledged, waiting, dropped } = this.#sender.snapshot(this.#nowMs)
    const account = acknowledged + waiting + (dropped.queue_full ?? 0)
    return this.#broken ?? (sent === account ? undefined : `${sent} were sent, and ${account} are accounted for`)
  }

  key(): string {
    const frames = [this.#toReceiver, this.#toSender].map((queue) =>
      queue.map(({ from, bytes }) => `${from} ${bytes.toString('latin1')}`),
    )
    const receivers = Array.from(this.#receivers, ([boot, receiver]) => [boot, receiver.ack(false)])
    const wentBack = this.#wentBackAtMs === this.#nowMs ? this.#wentBackTo : 0
    const remembered = [this.#lastAck, wentBack, this.#askedAtMs === this.#nowMs]
    const ends = [this.#senderBoot, this.#receiverBoot, receivers, remembered, this.#unsafe]
    const counts = [this.#messages, this.#highestSent, this.#faults, this.#restarts, this.#waits]
    const missing = Array.from(this.#receivers.values(), (receiver) => receiver.tellMissing())
    const delivered = [this.#delivered.get(this.#receiverBoot), this.#delivered.size, [...this.#safe]]
    const { sent, acknowledged, isHeld } = this.#sender.snapshot(this.#nowMs)
    return JSON.stringify([frames, ends, counts, missing, delivered, sent, acknowledged, isHeld, this.#tellsNext()])
  }

  /** What the sender says now, and after each of a few waits: all that it knows shows in that. */
  #tellsNext(): string[] {
    const said: string[] = []
    for (const ms of [0, 100, PROBE_MS - 100, PROBE_MS]) {
      this.#nowMs += ms
      this.#sender.tick(this.#nowMs)
      said.push(`${ms} ms ${this.#sender.isHeld}`)
      for (let bytes = this.#sender.next(this.#nowMs); bytes !== undefined; bytes = this.#sender.next(this.#nowMs))
        said.push(bytes.toString('latin1'))
    }
    return said
  }

  /** Everything arrives from now on: then all that the sender has is safe. */
  settle(): string | undefined {
    for (let round = 0; this.#sender.isWaiting || round === 0; round += 1) {
      if (round === 20) return 'the lane does not come to rest'
      this.#pump()
      while (this.#toReceiver.length > 0) this.#receive(this.#toReceiver.shift()!)
      this.#keep()
      while (this.#toSender.length > 0) this.#hear(this.#toSender.shift()!)
      this.#wait()
    }
    const lost = this.#sent.find((text) => !this.#safe.has(text))
    return this.#broken ?? (lost === undefined ? undefined : `“${lost}” is lost`)
  }
}

export function lanes(scope: LanesScope): System<LanesWorld> {
  return {
    start: () => new LanesWorld(scope),
    actions: (world) => world.actions(),
    perform: (world, action) => world.perform(action),
    broken: (world) => world.broken(),
    key: (world) => world.key(),
    settle: (world) => world.settle(),
  }
}
