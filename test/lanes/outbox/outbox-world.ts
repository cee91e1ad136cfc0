/**
 * An outbox, a disk, a connection and a receiver that keeps high-water marks, all of which can be cut off at any moment. After each
 * step it is checked what must always hold; `drain` checks what became of every message.
 */
import assert from 'node:assert/strict'
import { imbalance, Ledger, type LedgerSnapshot, refusedByPeer, total } from '../../../src/lanes/ledger.ts'
import { readLinkFrame } from '../../../src/lanes/batches/link-frame.ts'
import type { BatchKeeper, OutboxBatch } from '../../../src/lanes/outbox/outbox-batch.ts'
import { Outbox } from '../../../src/lanes/outbox/outbox.ts'
import type { OutboxLimits, OverflowPolicy } from '../../../src/lanes/outbox/outbox-limits.ts'
import type { QoS } from '../../../src/packets/message.ts'
import { plain } from '../lane-messages.ts'
import { namesOf, publish, WALL_MS } from './outbox-messages.ts'

export type Sending = {
  readonly from: string
  readonly qos: QoS
  readonly bytes: number
  readonly expirySeconds: number | undefined
}

/** What the far side has. */
class Receiver {
  readonly #marks = new Map<string, number>()
  readonly #seen = new Set<string>()
  readonly #lastSerials = new Map<string, number>()

  /** Returns whether it took it. */
  take(frame: Buffer): void {
    const head = readLinkFrame(frame, Number.POSITIVE_INFINITY)
    assert.ok(head.type === 'batch')
    const lane = `${head.epoch}/${head.lane}`
    if (head.sequence > 0) {
      if (head.sequence <= (this.#marks.get(lane) ?? 0)) return
      this.#marks.set(lane, head.sequence)
    }
    for (const name of namesOf(frame)) {
      assert.ok(!this.#seen.has(name), `${name} came twice`)
      this.#seen.add(name)
      const [from, serial] = [name.split('-')[0]!, Number(name.split('-')[1])]
      assert.ok(
        serial > (this.#lastSerials.get(from) ?? 0),
        `${name} came after ${from}-${this.#lastSerials.get(from)}`,
      )
      this.#lastSerials.set(from, serial)
    }
  }

  has(name: string): boolean {
    return this.#seen.has(name)
  }
}

type Change = { readonly type: 'keep' | 'forget'; readonly batch: OutboxBatch }

/** It has what was said to it until a commit began, once that has ended. */
class Disk implements BatchKeeper {
  readonly batches = new Map<number, Buffer>()
  ledger: LedgerSnapshot | undefined
  /** Messages of which all is known that is in the ledger or in the batches. */
  known = new Set<string>()
  #said: Change[] = []
  #commit: (() => void) | undefined

  keep(batch: OutboxBatch): void {
    this.#said.push({ type: 'keep', batch })
  }

  forget(batch: OutboxBatch): void {
    this.#said.push({ type: 'forget', batch })
  }

  begin(world: World): void {
    if (this.#commit !== undefined) return
    world.outbox.seal()
    const changes = this.#said.map(({ type, batch }) => ({ type, batch, frame: Buffer.from(batch.frame) }))
    this.#said = []
    const ledger = world.outbox.ledger.snapshot()
    const known = new Set(world.offered)
    this.#commit = () => {
      for (const { type, batch, frame } of changes)
        if (type === 'keep') this.batches.set(batch.id, frame)
        else this.batches.delete(batch.id)
      this.ledger = ledger
      this.known = known
      for (const { type, batch } of changes) if (type === 'keep') world.outbox.kept(batch)
    }
  }

  end(): void {
    const commit = this.#commit
    this.#commit = undefined
    commit?.()
  }

  /** What is under way never was. */
  crash(): void {
    this.#said = []
    this.#commit = undefined
  }
}

export class World {
  outbox: Outbox
  nowMs = 0
  /** All messages of QoS 1 and 2 of which it has to be known what became of them. */
  offered = new Set<string>()
  readonly receiver = new Receiver()
  readonly #disk: Disk | undefined
  limits: OutboxLimits
  #overflow: OverflowPolicy
  #epoch = 1
  #serial = 0
  #offeredQos0 = 0
  #sentQos0 = 0
  #frameBytesMax = Number.POSITIVE_INFINITY
  /** Between the two, in order. */
  #wire: { readonly batch: OutboxBatch; readonly frame: Buffer }[] = []
  #answers: { readonly batch: OutboxBatch; readonly reasonCode: number }[] = []
  /** Once it has refused a batch, the receiver takes no other on the same connection: a number may not pass one that was refused. */
  #refusedWith = 0
  /** Something may have been given up after it arrived. */
  #mayCountTwice = false

  constructor(limits: OutboxLimits, overflow: OverflowPolicy, isDurable: boolean) {
    this.limits = limits
    this.#overflow = overflow
    this.#disk = isDurable ? new Disk() : undefined
    this.outbox = this.#newOutbox()
  }

  #newOutbox(): Outbox {
    const { limits } = this
    const options = { epoch: this.#epoch, limits, overflow: this.#overflow, ledger: new Ledger(this.#disk?.ledger) }
    return new Outbox({ ...options, keeper: this.#disk })
  }

  accept({ qos, from: client, ...rest }: Sending, times: number): void {
    for (let i = 0; i < times; i += 1) {
      this.#serial += 1
      // Messages of QoS 0 are a stream of their own.
      const name = `${qos === 0 ? `${client}~0` : client}-${this.#serial}`
      const verdict = this.outbox.accept(
        publish(name, { ...rest, qos, from: client, atMs: this.nowMs }),
        plain,
        this.nowMs,
        WALL_MS + this.nowMs,
      )
      assert.notEqual(verdict, 'not_ours')
      if (qos === 0) this.#offeredQos0 += 1
      else this.offered.add(name)
      this.check()
    }
  }

  send(times: number, mayDrain: boolean, mayNumber: boolean): void {
    if (!this.outbox.isConnected) return
    for (let i = 0; i < times; i += 1) {
      const batch = this.outbox.next(this.nowMs, mayDrain, mayNumber)
      // A batch that is cut has as many heads as pieces.
      this.check(undefined, this.#frameBytesMax === Number.POSITIVE_INFINITY ? undefined : Number.POSITIVE_INFINITY)
      if (batch === undefined) return
      assert.ok(batch.frame.length <= this.#frameBytesMax)
      assert.ok(mayNumber || batch.sequence === 0)
      if (batch.sequence === 0) this.#sentQos0 += batch.messages
      else if (this.#disk !== undefined)
        for (const name of namesOf(batch.frame)) assert.ok(this.#disk.known.has(name), `${name} was not kept`)
      assert.equal(namesOf(batch.frame).length, batch.messages)
      this.#wire.push({ batch, frame: Buffer.from(batch.frame) })
    }
  }

  arrive(times: number, refusedWith = 0): void {
    for (const { batch, frame } of this.#wire.splice(0, times)) {
      if (batch.sequence > 0) this.#refusedWith ||= refusedWith
      if (this.#refusedWith === 0) this.receiver.take(frame)
      if (batch.sequence > 0) this.#answers.push({ batch, reasonCode: this.#refusedWith })
    }
  }

  answer(times: number): void {
    for (const { batch, reasonCode } of this.#answers.splice(0, times)) {
      const isDelivered = reasonCode < 0x80
      if (isDelivered)
        for (const name of namesOf(batch.frame)) assert.ok(this.receiver.has(name), `${name} is not there`)
      // It may have arrived the first time, and be refused the second.
      else if (batch.isResent) this.#mayCountTwice = true
      this.outbox.settle(
        batch,
        isDelivered ? { type: 'delivered' } : { type: 'failed', reason: refusedByPeer(reasonCode) },
      )
      this.check()
    }
  }

  connect(frameBytesMax: number): void {
    if (this.outbox.isConnected) return
    this.#frameBytesMax = frameBytesMax
    this.outbox.connected(frameBytesMax)
    this.check()
  }

  /** So many batches arrive before; no answer does. */
  cut(arrived: number): void {
    this.arrive(arrived)
    this.#wire = []
    this.#answers = []
    this.#refusedWith = 0
    this.outbox.disconnected()
    this.check()
  }

  sweep(): void {
    this.outbox.sweep(this.nowMs)
    this.check()
  }

  limit(limits: OutboxLimits, overflow: OverflowPolicy): void {
    this.limits = limits
    this.#overflow = overflow
    const { count, bytes } = this.outbox
    this.outbox.limit(limits, overflow)
    this.check(count, bytes)
  }

  beginCommit(): void {
    this.#disk?.begin(this)
    this.check()
  }

  endCommit(): void {
    this.#disk?.end()
    this.check()
  }

  /** Of the process, at any moment. */
  restart(arrived: number): void {
    const disk = this.#disk
    if (disk === undefined) return
    this.arrive(arrived)
    this.#wire = []
    this.#answers = []
    this.#refusedWith = 0
    disk.crash()
    this.offered = new Set(disk.known)
    this.#epoch += 1
    this.#mayCountTwice = true
    this.outbox = this.#newOutbox()
    const kept = [...disk.batches].map(([id, frame]) => ({ id, frame: Buffer.from(frame) }))
    kept.sort((one, other) => one.id - other.id)
    assert.deepEqual(this.outbox.restore(kept, this.nowMs, WALL_MS + this.nowMs), [])
    this.check()
  }

  #limitCount = 0
  #limitBytes = 0

  /** What must always hold. @param count,bytes what was there before limits were lowered: what flies stays */
  check(count = this.#limitCount, bytes = this.#limitBytes): void {
    const { outbox, limits } = this
    const ledger = outbox.ledger.snapshot()
    assert.equal(imbalance(ledger), 0)
    assert.equal(ledger.queued + ledger.inflight, outbox.count)
    this.#limitCount = Math.max(limits.countMax, Math.min(count, outbox.count))
    this.#limitBytes = Math.max(limits.bytesMax, Math.min(bytes, outbox.bytes))
    assert.ok(outbox.count <= this.#limitCount, `${outbox.count} messages of ${limits.countMax}`)
    assert.ok(outbox.bytes <= this.#limitBytes, `${outbox.bytes} bytes of ${limits.bytesMax}`)
    assert.ok(outbox.bytes >= 0 && outbox.waiting >= 0 && outbox.backlog <= outbox.waiting)
    // Of those that flew, expiry is counted though they may have arrived.
    if (total(ledger.dropped) > 0 && ledger.retried > 0) this.#mayCountTwice = true
  }

  /** Sends all that is left, and looks what became of each message. */
  drain(): void {
    this.cut(0)
    this.connect(Number.POSITIVE_INFINITY)
    for (let round = 0; this.outbox.count > 0; round += 1) {
      assert.ok(round < 10_000, `${this.outbox.count} messages don't move`)
      this.endCommit()
      this.beginCommit()
      this.endCommit()
      this.send(100, true, true)
      this.arrive(100)
      this.answer(100)
    }
    this.arrive(100)
    assert.equal(this.outbox.bytes, 0)
    assert.equal(this.outbox.nextExpiryMs, Number.POSITIVE_INFINITY)
    const { matched, delivered, dropped, failed } = this.outbox.ledger.snapshot()
    assert.equal(matched, this.offered.size + this.#offeredQos0)
    const lost = total(dropped) + total(failed) - (this.#offeredQos0 - this.#sentQos0)
    const missing = [...this.offered].filter((name) => !this.receiver.has(name)).length
    assert.ok(missing <= lost, `${missing} are missing and ${lost} stand in the ledger`)
    if (!this.#mayCountTwice) assert.equal(missing, lost)
    assert.equal(delivered - this.#sentQos0 + lost, this.offered.size)
  }
}
